import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { git, splitNul, tryGit } from '../../../src/drivers/workspace/git.ts';
import { quoteForGit, unquoteFromGit } from '../../../src/drivers/workspace/quote.ts';
import { smallRepository } from './user-repository.ts';

describe('tryGit', () => {
  it('answers with the status, whatever it is, and git with an error that has its words', async () => {
    const { root: cwd, host } = smallRepository();
    const answer = await tryGit(host, ['rev-parse', '--verify', 'nowhere'], { cwd });
    expect(answer.code).toBe(128);
    expect(answer.stderr).toContain('Needed a single revision');
    await expect(git(host, ['rev-parse', '--verify', 'nowhere'], { cwd })).rejects.toThrow('Needed a single revision');
  });

  it('says so when there is no git', async () => {
    const { root: cwd, host } = smallRepository();
    await expect(tryGit({ ...host, path: '/nowhere' }, ['version'], { cwd })).rejects.toMatchObject({ code: 'no-git' });
  });

  it('passes nothing of its own environment on', async () => {
    const { root: cwd, host } = smallRepository();
    process.env.GIT_DIR = '/nowhere';
    try {
      expect((await tryGit(host, ['rev-parse', '--verify', 'HEAD'], { cwd })).code).toBe(0);
    } finally {
      delete process.env.GIT_DIR;
    }
  });

  it('kills git after its time, even where a child of it holds the pipes, and says so', async () => {
    const { root: cwd, host, scratch } = smallRepository();
    const pidFile = path.join(scratch, 'pid');
    const alias = `alias.wait=!echo $$ > '${pidFile}'; exec sleep 1000`;
    const answer = await tryGit(host, ['wait'], { cwd, config: [alias], timeoutMs: 1_500 });
    expect(answer).toMatchObject({ code: 128, stderr: 'git did not answer within 1500 ms' });
    execFileSync('kill', ['-9', fs.readFileSync(pidFile, 'utf8').trim()]);
  });

  it('leaves an answer in time alone', async () => {
    const { root: cwd, host } = smallRepository();
    const answer = await tryGit(host, ['rev-parse', '--is-inside-work-tree'], { cwd, timeoutMs: 60_000 });
    expect(answer).toMatchObject({ code: 0, stderr: '' });
    expect(answer.stdout.toString()).toBe('true\n');
  });
});

describe('splitNul', () => {
  it('keeps every byte of every name', () => {
    expect(splitNul(Buffer.from('a\nb\0c \0'))).toEqual(['a\nb', 'c ']);
    expect(splitNul(Buffer.alloc(0))).toEqual([]);
    const name = Buffer.from([0x61, 0xff, 0xfe]);
    const [back] = splitNul(Buffer.concat([name, Buffer.from([0])]), 'latin1');
    expect(Buffer.from(back as string, 'latin1')).toEqual(name);
  });
});

describe('quoting', () => {
  it('is read by git as it was written', () => {
    const { root: cwd, host, scratch } = smallRepository();
    for (const text of ['a b', '"', '\\', 'a\nb\tc', 'naïve 日本', '# ; x', ' edge ']) {
      const file = path.join(scratch, 'config');
      fs.writeFileSync(file, `[user]\n\tname = ${quoteForGit(text)}\n`);
      const read = execFileSync('git', ['config', '-z', '--file', file, 'user.name'], {
        cwd,
        env: { PATH: host.path },
      });
      expect(read.toString()).toBe(`${text}\0`);
      expect(unquoteFromGit(quoteForGit(text))).toBe(text);
    }
  });

  it('reads octal bytes, and leaves what is not quoted', () => {
    expect(unquoteFromGit('"/a/\\303\\257"')).toBe('/a/ï');
    expect(unquoteFromGit('/a b')).toBe('/a b');
  });
});
