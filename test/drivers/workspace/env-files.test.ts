/** What is put into a copy and taken back, whatever an agent made of it. */
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { giveDirectory, giveFiles, namesToCopy, takeBack } from '../../../src/drivers/workspace/env-files.ts';
import { put, tempDir } from '../../fixtures/temp.ts';

const ALL = tempDir();
let project: string;
let copy: string;
let giving: { copy: string; list: string; keep: string; notice(text: string): void };
let notices: string[];

beforeEach(() => {
  const top = fs.mkdtempSync(path.join(ALL, 'yard '));
  [project, copy] = [path.join(top, 'project'), path.join(top, 'copy')] as const;
  for (const dir of [project, copy]) fs.mkdirSync(dir);
  notices = [];
  const notice = (text: string) => void notices.push(text);
  giving = { copy, list: path.join(top, 'given.json'), keep: path.join(top, 'keep'), notice };
});
const inCopy = (name: string) => path.join(copy, name);

it('files keep their bytes and permissions, and are gone afterwards; twice is once', async () => {
  await put(path.join(project, 'a b/.env\n'), 'X', 0o600);
  expect(giveFiles(project, ['a b/.env\n'], 10, giving)).toEqual(['a b/.env\n']);
  expect(fs.statSync(inCopy('a b/.env\n')).mode & 0o777).toBe(0o600);
  takeBack(giving);
  takeBack(giving);
  expect([fs.readdirSync(inCopy('a b')), notices]).toEqual([[], []]);
});

it('what the agent changed, removed or replaced is kept or left, and nothing outside is touched', async () => {
  for (const name of ['changed', 'removed', 'made-directory', 'dir/inside']) await put(path.join(project, name), name);
  await put(path.join(project, 'outside/inside'), 'dir/inside');
  giveFiles(project, ['changed', 'removed', 'made-directory', 'dir/inside'], 100, giving);
  fs.appendFileSync(inCopy('changed'), '+');
  for (const name of ['removed', 'made-directory']) fs.rmSync(inCopy(name));
  await put(inCopy('made-directory/work'), 'work');
  fs.rmSync(inCopy('dir'), { recursive: true });
  // The same bytes at the same name, through a link: not ours to remove.
  fs.symlinkSync(path.join(project, 'outside'), inCopy('dir'));
  takeBack(giving);
  const kept = (name: string) => fs.readFileSync(path.join(giving.keep, name), 'utf8');
  expect([kept('changed'), kept('made-directory/work')]).toEqual(['changed+', 'work']);
  expect(fs.readFileSync(path.join(project, 'outside/inside'), 'utf8')).toBe('dir/inside');
  expect(fs.readdirSync(copy)).toEqual(['dir']);
  expect(notices).toHaveLength(2);
});

it('whatever size the agent gave a file, it is only moved', async () => {
  await put(path.join(project, '.env'), 'X');
  giveFiles(project, ['.env'], 100, giving);
  fs.truncateSync(inCopy('.env'), 3 * 2 ** 30);
  takeBack(giving);
  expect([fs.readdirSync(copy), fs.statSync(path.join(giving.keep, '.env')).size]).toEqual([[], 3 * 2 ** 30]);
});

it('what the agent made unreadable goes too', async () => {
  for (const name of ['.env', 'dir/changed', 'dir/a/.env', 'replaced']) await put(path.join(project, name), name);
  giveFiles(project, ['.env', 'dir/changed', 'dir/a/.env', 'replaced'], 100, giving);
  fs.appendFileSync(inCopy('dir/changed'), '+');
  fs.rmSync(inCopy('replaced'));
  await put(inCopy('replaced/work'), 'work');
  for (const name of ['.env', 'dir/changed', 'replaced', 'dir/a', 'dir']) fs.chmodSync(inCopy(name), 0);
  takeBack(giving);
  expect([fs.readdirSync(copy), fs.readdirSync(inCopy('dir')), fs.readdirSync(inCopy('dir/a'))]).toEqual([
    ['dir'],
    ['a'],
    [],
  ]);
  expect(fs.readFileSync(path.join(giving.keep, 'dir/changed'), 'utf8')).toBe('dir/changed+');
  expect(fs.readFileSync(path.join(giving.keep, 'replaced/work'), 'utf8')).toBe('work');
});

it('what the copy has, what is too large, and what is no file is not given', async () => {
  await put(inCopy('tracked'), 'from git');
  await put(path.join(project, 'tracked'), 'other');
  await put(path.join(project, 'large'), '12345678901');
  await put(path.join(project, 'dir/x'), '');
  expect(giveFiles(project, ['tracked', 'large', 'dir'], 10, giving)).toEqual([]);
  expect(fs.readFileSync(inCopy('tracked'), 'utf8')).toBe('from git');
  expect(notices).toEqual([expect.stringContaining('larger than'), expect.stringContaining('no file')]);
  takeBack(giving);
  expect(fs.readdirSync(copy)).toEqual(['tracked']);
});

it('a directory is a copy of its own, times kept', async () => {
  const file = await put(path.join(project, 'target/debug/x'), 'built');
  fs.utimesSync(file, 1_000_000, 1_000_000);
  giveDirectory(path.join(project, 'target'), 'target', giving);
  expect(fs.statSync(inCopy('target/debug/x')).mtimeMs).toBe(1_000_000_000);
  fs.writeFileSync(inCopy('target/debug/x'), 'again');
  takeBack(giving);
  expect([fs.readdirSync(copy), fs.readFileSync(file, 'utf8')]).toEqual([[], 'built']);
});

it('globs find names, without those of packages', async () => {
  for (const name of ['.env', 'a/.env', 'a/b/.env.local', 'node_modules/x/.env'])
    await put(path.join(project, name), '');
  expect(namesToCopy(project, ['**/.env*', '.env', 'missing'])).toEqual(['.env', 'a/.env', 'a/b/.env.local']);
});
