// npm test: everything, with its own set-up. Tests see a fresh HOME and TMPDIR; whatever they leave behind is a failure.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ensureBubblewrap, ensureBuilt, ensureDependencies, ensureNode24, root } from './setup.mjs';
import { CLAUDE_CODE, ensureCli } from './test-clis.mjs';

ensureDependencies();
ensureNode24();
if (!ensureBubblewrap()) process.exit(1);
await ensureBuilt();

const cache =
  process.env.PANCODE_TEST_CACHE ??
  path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'pancode-test');
mkdirSync(cache, { recursive: true });
await ensureCli(cache, ...CLAUDE_CODE);

const given = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };
const faults = [];

suite('as you', { cwd: root, before: [], node: process.execPath, cache }, given);
if (process.getuid() === 0 && given.length === 0) asNobody();

for (const fault of faults) console.log(`FAILED: ${fault}`);
total.failed += faults.length;
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed > 0 ? 1 : 0);

/** Most users are not root: what the sandbox promises is proven again as nobody, from a copy that everybody can read. */
function asNobody() {
  const copy = mkdtempSync(path.join(os.tmpdir(), 'pancode-copy-'));
  try {
    const target = path.join(copy, 'pancode');
    mkdirSync(target);
    for (const name of readdirSync(root).filter((entry) => entry !== '.git')) link(path.join(root, name), target);
    link(cache, path.join(copy, 'cache'));
    spawnSync('chmod', ['-R', 'a+rX', copy]);
    suite(
      'as nobody',
      {
        cwd: target,
        before: ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--'],
        owner: 65534,
        node: process.execPath.startsWith(`${root}/`) ? process.execPath.replace(root, target) : process.execPath,
        cache: path.join(copy, 'cache'),
      },
      [
        'test/drivers/sandbox',
        'test/drivers/workspace',
        'test/control/harvest',
        'test/control/builds',
        'test/e2e/dispatch',
        'test/e2e/readonly',
        'test/e2e/crash',
        'test/e2e/ask',
        'test/e2e/shapes',
        'test/e2e/homes',
        'test/e2e/custody',
        'test/e2e/disks',
        'test/e2e/daemons',
      ],
    );
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Hard links where the file system allows: dependencies are large and only read. */
function link(from, to) {
  if (spawnSync('cp', ['-al', from, to]).status !== 0) cpSync(from, to, { recursive: true, verbatimSymlinks: true });
}

function suite(name, { cwd, before, owner, node, cache }, filters) {
  console.log(`\n== tests ${name}`);
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'pct-'));
  const home = path.join(scratch, 'home');
  const temporary = path.join(scratch, 'tmp');
  for (const dir of [home, temporary]) mkdirSync(dir);
  if (owner) spawnSync('chown', ['-R', `${owner}:${owner}`, scratch]);
  const report = path.join(scratch, 'report.json');
  const env = {
    PATH: process.env.PATH,
    LANG: 'C.UTF-8',
    TERM: process.env.TERM ?? 'dumb',
    HOME: home,
    // Where the test runner keeps a file of its own; PanCode puts nothing there.
    XDG_DATA_HOME: path.join(scratch, 'runner'),
    TMPDIR: temporary,
    PANCODE_TEST_CACHE: cache,
    NO_COLOR: '1',
  };
  const command = [
    ...before,
    node,
    path.join(cwd, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    // The default writes beside the configuration file, which nobody may not.
    '--configLoader=runner',
    '--reporter=default',
    '--reporter=json',
    `--outputFile=${report}`,
    ...filters,
  ];
  const done = spawnSync(command[0], command.slice(1), { cwd, env, stdio: ['ignore', 'inherit', 'inherit'] });
  if (existsSync(report)) {
    const counts = JSON.parse(readFileSync(report, 'utf8'));
    total.passed += counts.numPassedTests;
    total.failed += counts.numFailedTests;
    total.skipped += counts.numPendingTests + counts.numTodoTests;
    for (const file of counts.testResults)
      if (file.status === 'failed' && file.assertionResults.length === 0)
        faults.push(`${path.relative(cwd, file.name)} could not be run: ${file.message.split('\n')[0]}`);
    for (const file of counts.testResults)
      for (const test of file.assertionResults)
        if (['pending', 'skipped', 'todo'].includes(test.status)) console.log(`SKIPPED: ${test.fullName}`);
  } else faults.push(`tests ${name} ended without a report (${done.signal ?? done.status})`);
  if (done.status !== 0 && total.failed === 0 && faults.length === 0)
    faults.push(`tests ${name} ended with ${done.signal ?? done.status}`);
  leftovers(name, scratch, [home, temporary]);
}

/** No process, socket, directory or file may be left: the environment of every process of ours names the scratch directory. */
function leftovers(name, scratch, dirs) {
  const alive = readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .flatMap((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, 'utf8').includes(scratch)) return [];
        const state = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0];
        return state === 'Z' || state === 'X'
          ? []
          : [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').slice(0, 120)}`];
      } catch {
        return []; // it ended while we looked, or is not ours to look at
      }
    });
  for (const line of alive) faults.push(`tests ${name} left a process: ${line}`);
  for (const dir of dirs)
    for (const entry of readdirSync(dir)) faults.push(`tests ${name} left ${path.join(path.basename(dir), entry)}`);
  rmSync(scratch, { recursive: true, force: true });
}
