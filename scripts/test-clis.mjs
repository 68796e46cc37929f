// The real agent CLIs for tests, from npm into a cache directory: nothing of them is a dependency of PanCode.
import { spawn } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import path from 'node:path';

/** The version the claude-code adapter is tested with. */
export const CLAUDE_CODE = ['@anthropic-ai/claude-code', '2.1.331'];

/** What the program is called in a CLI's package for this platform. */
const PROGRAMS = { '@anthropic-ai/claude-code': process.platform === 'win32' ? 'claude.exe' : 'claude' };
/** An installation that was killed leaves its unfinished directory; one this old is nobody's work. */
const STALE_MS = 3_600_000;

/**
 * Path of the real executable of an npm-distributed CLI, installed into `<cache>/<name>-<version>` where it is not there yet: complete or
 * absent, also when several processes install it at once. Every user may read and run it, as far as the directories above allow.
 * No install script runs: Claude Code's only links the binary of its platform package over a placeholder, and we start that binary itself.
 */
export async function ensureCli(cache, packageName, version) {
  const name = packageName.split('/').pop();
  const target = path.join(cache, `${name}-${version}`);
  if (!existsSync(target)) await install(cache, target, packageName, version);
  return programIn(target, packageName);
}

async function install(cache, target, packageName, version) {
  mkdirSync(cache, { recursive: true });
  const mark = `.${path.basename(target)}-`;
  for (const entry of readdirSync(cache).filter((one) => one.startsWith(mark))) {
    const stale = path.join(cache, entry);
    const since = statSync(stale, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - since > STALE_MS) rmSync(stale, { recursive: true, force: true });
  }
  const building = mkdtempSync(path.join(cache, mark));
  try {
    const flags = [
      '--ignore-scripts',
      '--include=optional',
      '--no-audit',
      '--no-fund',
      '--no-save',
      '--loglevel=error',
    ];
    await run('npm', ['install', '--prefix', building, ...flags, `${packageName}@${version}`]);
    programIn(building, packageName);
    await run('chmod', ['-R', 'a+rX', building]);
    try {
      renameSync(building, target);
    } catch (error) {
      // Another process was first; its installation is as good as ours.
      if (!['ENOTEMPTY', 'EEXIST'].includes(error.code)) throw error;
    }
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}

/** The executable in the one platform package npm chose for this machine. */
function programIn(root, packageName) {
  const program = PROGRAMS[packageName];
  if (!program) throw new Error(`It is not known what the program of ${packageName} is called.`);
  const wrapper = path.join(root, 'node_modules', packageName);
  const beside = path.dirname(wrapper);
  const name = path.basename(wrapper);
  const found = readdirSync(beside)
    .filter((entry) => entry.startsWith(`${name}-`))
    .map((entry) => path.join(beside, entry, program))
    .find((file) => existsSync(file));
  if (!found)
    throw new Error(
      `${packageName} has no binary for ${process.platform}-${process.arch}. Remove ${root} and try again.`,
    );
  accessSync(found, constants.X_OK);
  return found;
}

function run(command, args) {
  console.error(`> ${[command, ...args].join(' ')}`);
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 2, 2] });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ended with ${signal ?? code}.`));
    });
  });
}
