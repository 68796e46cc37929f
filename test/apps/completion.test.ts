/** The completion scripts, run in the real shells. A shell that is not installed is skipped by name. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, Command, Option } from 'commander';
import { beforeAll, describe, expect, it } from 'vitest';
import { bashScript, fishScript, zshScript } from '../../src/apps/completion/scripts.ts';
import { completionTree } from '../../src/apps/completion/tree.ts';
import { put, tempDir } from '../fixtures/temp.ts';

const dir = tempDir();
const bin = join(dir, 'bin');
const installed = (shell: string) => spawnSync(shell, ['--version']).status === 0;

/** A program with every kind of thing the real one has, and words a shell would like to run. */
function program(): Command {
  const top = new Command('pancode').option('--cwd <dir>', 'it’s a place').option('--json', 'JSON').helpCommand(false);
  const level = new Option('--safety <level>', 'level');
  level.argChoices = ['suggest', 'auto-edit'];
  top.addOption(level);
  top
    .command('dispatch <agent> <task...>')
    .description('work')
    .option('--worker <id>', 'worker')
    .option('-f, --fast', 'fast');
  top.command('logs <id>').description("a dispatch's events");
  const receipts = top.command('receipts').helpCommand(false).option('--agent <name>', 'agent');
  receipts.command('show <id>');
  receipts.command('import <file>');
  const shell = new Argument('<shell>');
  shell.argChoices = ['bash', 'zsh'];
  top.command('completion').addArgument(shell);
  top.command('hidden', { hidden: true });
  return top;
}

beforeAll(async () => {
  const words = `case "$2" in ids) echo 01KAAA; echo 01KBBB;; agents) echo builder; echo scout;; workers) echo native/ollama/qwen3:8b; echo native/ollama/qwen3:30b; echo '$(touch ${join(dir, 'ran')})';; esac`;
  await put(join(bin, 'pancode'), `#!/bin/sh\n[ "$1" = completion-words ] || exit 1\n${words}\n`, 0o755);
  await put(join(dir, 'files', 'a file.jsonl'), '');
  await put(join(dir, 'files', 'sub dir', 'x'), '');
  const tree = completionTree(program());
  for (const [name, script] of Object.entries({ bash: bashScript, zsh: zshScript, fish: fishScript }))
    writeFileSync(join(dir, name), script(tree));
});

const env = () => ({ PATH: `${bin}:${process.env.PATH}`, HOME: dir, TERM: 'dumb', LANG: 'C.UTF-8' });
const run = (shell: string, args: string[]) => {
  const done = spawnSync(shell, args, { cwd: join(dir, 'files'), env: env(), encoding: 'utf8' });
  expect([done.status, done.stderr]).toEqual([0, '']);
  return done.stdout.split('\n').filter(Boolean).sort();
};

/** What a shell offers after a line; the cursor stands at its end. */
const SHELLS: Record<string, (line: string) => string[]> = {
  bash: (line) =>
    run('bash', [
      '--norc',
      '-c',
      `source "$1"; COMP_LINE=$2; COMP_POINT=\${#2}; _pancode pancode; printf '%s\\n' "\${COMPREPLY[@]}"`,
      'bash',
      join(dir, 'bash'),
      line,
    ]),
  // `compadd` and `_files` are of the line editor; what they are given is what is offered.
  zsh: (line) =>
    run('zsh', [
      '-f',
      '-c',
      `compdef() {}; compadd() { shift; print -rl -- "\${(@M)@:#$PREFIX*}" }; _files() { print -rl -- $PREFIX*(N) }
       source $1; words=(\${(z)2}); [[ $2 == *' ' ]] && words+=(''); CURRENT=\${#words}; PREFIX=$words[-1]; _pancode; true`,
      'zsh',
      join(dir, 'zsh'),
      line,
    ]),
  fish: (line) =>
    run('fish', ['--no-config', '-c', `source $argv[1]; complete -C $argv[2]`, join(dir, 'fish'), line]).map(
      (offer) => offer.split('\t')[0] as string,
    ),
};

describe.each(Object.keys(SHELLS))('%s', (shell) => {
  const offers = (line: string) => (SHELLS[shell] as (line: string) => string[])(line);
  describe.skipIf(!installed(shell))(`completes (skipped where ${shell} is not installed)`, () => {
    it('commands, and those below a command', () => {
      expect(offers('pancode ')).toEqual(['completion', 'dispatch', 'logs', 'receipts']);
      expect(offers('pancode d')).toEqual(['dispatch']);
      expect(offers('pancode receipts ')).toEqual(['import', 'show']);
      expect(offers('pancode --cwd /tmp --json re')).toEqual(['receipts']);
    });
    it('options of the command, and those of all', () => {
      expect(offers('pancode dispatch --w')).toEqual(['--worker']);
      expect(offers('pancode receipts show --js')).toEqual(['--json']);
    });
    it('values from closed sets, with or without other options before', () => {
      expect(offers('pancode completion ')).toEqual(['bash', 'zsh']);
      expect(offers('pancode --safety ')).toEqual(['auto-edit', 'suggest']);
    });
    it('dispatches, agents and workers, which it asks for', () => {
      expect(offers('pancode logs ')).toEqual(['01KAAA', '01KBBB']);
      expect(offers('pancode receipts show 01KB')).toEqual(['01KBBB']);
      expect(offers('pancode dispatch ')).toEqual(['builder', 'scout']);
      expect(offers('pancode receipts --agent sc')).toEqual(['scout']);
      expect(offers('pancode dispatch scout ')).toEqual([]);
    });
    it('names with a colon, which bash takes for two words', () => {
      const whole = ['native/ollama/qwen3:30b', 'native/ollama/qwen3:8b'];
      expect(offers('pancode dispatch scout x --worker native/ollama/qwen3:')).toEqual(
        shell === 'bash' ? ['30b', '8b'] : whole,
      );
    });
    it('files and directories, spaces included', () => {
      expect(offers('pancode receipts import a')).toEqual(['a file.jsonl']);
    });
    it('and never runs a word', () => {
      offers('pancode dispatch scout x --worker ');
      expect(spawnSync('test', ['-e', join(dir, 'ran')]).status).toBe(1);
    });
  });
});
