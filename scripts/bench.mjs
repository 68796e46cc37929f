// npm run bench: the budgets as ratios to `node -e 0` of the same Node in the same run, on the built bundle. Medians; nothing is asserted.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ensureBubblewrap, ensureBuilt, ensureDependencies, ensureNode24, root as repository } from './setup.mjs';
import { CLAUDE_CODE, ensureCli } from './test-clis.mjs';

ensureDependencies();
ensureNode24();
if (!ensureBubblewrap()) process.exit(1);
await ensureBuilt();

const program = path.join(repository, 'bin', 'pancode.js');
const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'pancode-bench-')));
const home = path.join(root, 'home');
const project = path.join(home, 'project');
const state = path.join(root, 'pancode', 'state');
const cache =
  process.env.PANCODE_TEST_CACHE ??
  path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'pancode-test');
const rows = [];
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
/** A median of `count`; each measurement has one of the unit beside it, because the speed of a busy machine changes within seconds. */
const times = (count, work) =>
  median(
    Array.from({ length: count }, () => {
      units.push(timed(node));
      return timed(work);
    }),
  );

function timed(work) {
  const start = performance.now();
  work();
  return performance.now() - start;
}

const node = () => spawnSync(process.execPath, ['-e', '0']);
const units = [];
node();
const row = (what, ms, limit) => rows.push({ what, ms, limit });
const memory = (what, kb, limitMb) => rows.push({ what, mb: kb / 1024, limitMb });

fs.mkdirSync(path.join(project, 'src'), { recursive: true });
fs.mkdirSync(path.join(root, 'pancode', 'config'), { recursive: true });
for (let i = 0; i < 40; i += 1)
  fs.writeFileSync(path.join(project, 'src', `file-${i}.js`), `export const value${i} = ${i};\n`);
const git = (...args) =>
  execFileSync('git', ['-c', 'user.name=b', '-c', 'user.email=b@example.invalid', ...args], { cwd: project });
git('init', '-q', '-b', 'main');
git('add', '.');
git('commit', '-q', '-m', 'first');

const simulated = spawn(process.execPath, [path.join(repository, 'dist', 'simulated.js'), '--demo'], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const url = await new Promise((resolve) => simulated.stdout.once('data', (line) => resolve(JSON.parse(line).url)));
const claude = await ensureCli(cache, ...CLAUDE_CODE);
fs.writeFileSync(
  path.join(root, 'pancode', 'config', 'config.yaml'),
  `discover: false
endpoints: [{id: lab, provider: simulated, url: "${url}", models: [{id: m1, tier: frontier}]}]
runtimes: {claude-code: {path: "${claude}", baseUrl: "${url}", apiKeyEnv: BENCH_KEY}}
`,
);
const env = {
  PATH: process.env.PATH,
  HOME: home,
  PANCODE_HOME: path.join(root, 'pancode'),
  LANG: 'C.UTF-8',
  BENCH_KEY: 'bench',
};
const pancode = (...args) => {
  const done = spawnSync(process.execPath, [program, ...args], { cwd: project, env, encoding: 'utf8' });
  if (done.status !== 0)
    throw new Error(`pancode ${args.join(' ')} ended with ${done.status}: ${done.stdout}${done.stderr}`);
  return done.stdout;
};
const rss = (pid) => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);

try {
  row(
    'pancode --version',
    times(11, () => pancode('--version')),
    1.3,
  );
  row(
    'daemon, first ever',
    timed(() => pancode('daemon', 'start')),
    6,
  );
  pancode('fleet', '--refresh');
  const cold = Array.from({ length: 7 }, () => {
    pancode('daemon', 'stop');
    units.push(timed(node));
    return timed(() => pancode('daemon', 'start'));
  });
  row('daemon, cold start to ready', median(cold), 5);
  row(
    'pancode ps',
    times(11, () => pancode('ps')),
    2,
  );

  const dispatch = (agent, worker) => {
    const start = performance.now();
    const receipt = JSON.parse(
      pancode('dispatch', agent, 'Add a farewell next to the greeting.', '--worker', worker, '--no-apply', '--json'),
    );
    return { ms: performance.now() - start, receipt };
  };
  dispatch('builder', 'native/lab/m1');
  const native = Array.from({ length: 7 }, () => {
    units.push(timed(node));
    return dispatch('builder', 'native/lab/m1');
  });
  row(
    'dispatch accepted → first model request (native)',
    median(native.map(({ receipt }) => firstRequest(receipt))),
    12,
  );
  dispatch('builder', 'claude-code/claude-sonnet-5');
  const [bare, writer, reader] = [[], [], []];
  for (let round = 0; round < 7; round += 1) {
    units.push(timed(node));
    bare.push(timed(bareClaude));
    writer.push(dispatch('builder', 'claude-code/claude-sonnet-5').ms);
    units.push(timed(node));
    reader.push(dispatch('scout', 'claude-code/claude-sonnet-5').ms);
  }
  row('claude alone, one task', median(bare), null);
  row('added around claude: writer', median(writer) - median(bare), 10);
  row('added around claude: reader', median(reader) - median(bare), 12);
  memory('resident: daemon', rss(JSON.parse(pancode('daemon', 'status', '--json')).pid), 200);
  await residentOfOne();
} finally {
  spawnSync(process.execPath, [program, 'daemon', 'stop', '--workers'], { cwd: project, env });
  simulated.kill();
  fs.rmSync(root, { recursive: true, force: true });
}
print();

/** From the receipt's queue time to the first request in its journal, ms. */
function firstRequest(receipt) {
  const events = fs
    .readFileSync(path.join(state, 'dispatches', receipt.id, 'journal.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return Date.parse(events.find((event) => event.type === 'request-started').at) - Date.parse(receipt.time.queued);
}

function bareClaude() {
  const bareHome = fs.mkdtempSync(path.join(root, 'bare-'));
  const done = spawnSync(
    claude,
    [
      '-p',
      'Add a farewell next to the greeting.',
      '--output-format',
      'stream-json',
      '--verbose',
      '--setting-sources',
      '',
      '--strict-mcp-config',
      '--model',
      'claude-sonnet-5',
      '--permission-mode',
      'acceptEdits',
    ],
    {
      cwd: project,
      input: '',
      env: {
        PATH: process.env.PATH,
        HOME: bareHome,
        ANTHROPIC_BASE_URL: url,
        ANTHROPIC_API_KEY: 'bench',
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        DISABLE_AUTOUPDATER: '1',
      },
    },
  );
  if (done.status !== 0) throw new Error(`claude alone ended with ${done.status}: ${done.stdout}${done.stderr}`);
  git('checkout', '-q', '.');
  git('clean', '-qfd');
}

/** Memory of a shim and of the relay inside the sandbox while an agent waits for its model. */
async function residentOfOne() {
  const { id } = JSON.parse(
    pancode(
      'dispatch',
      'builder',
      '[slow] Take your time.',
      '--worker',
      'native/lab/m1',
      '--no-apply',
      '--detach',
      '--json',
    ),
  );
  for (;;) {
    const { dispatches } = JSON.parse(pancode('ps', '--json'));
    if (dispatches.some((entry) => entry.id === id && entry.state === 'working')) break;
    if (dispatches.length === 0) throw new Error('the slow dispatch ended before it could be measured');
  }
  const all = fs.readdirSync('/proc').filter((pid) => /^\d+$/.test(pid));
  const find = (wanted) =>
    all.find((pid) => {
      try {
        return wanted(fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'));
      } catch {
        return false; // it ended while we looked
      }
    });
  const shim = find((words) => words.some((word) => word.endsWith('/dist/shim.js')) && words.includes(id));
  const relay = find(
    (words) => words.some((word) => word.endsWith('/relay')) || words.some((word) => word.endsWith('relay.js')),
  );
  if (shim) memory('resident: one shim', rss(shim), 70);
  if (relay) memory('resident: relay in the sandbox', rss(relay), 50);
  pancode('cancel', id);
}

function print() {
  const unit = median(units);
  const cells = ({ what, ms, limit, mb, limitMb }) =>
    ms === undefined
      ? [what, `${mb.toFixed(0)} MB`, '', `${limitMb} MB`]
      : [what, `${ms.toFixed(0)} ms`, `${(ms / unit).toFixed(1)}×`, limit === null ? '' : `${limit}×`];
  const table = [
    ['', 'measured', 'ratio', 'at most'],
    [`node -e 0 (Node ${process.versions.node})`, `${unit.toFixed(0)} ms`, '1×', ''],
    ...rows.map(cells),
  ];
  const width = Math.max(...table.map(([what]) => what.length));
  for (const [what, measured, ratio, limit] of table)
    console.log(`${what.padEnd(width)}  ${measured.padStart(9)}  ${ratio.padStart(6)}  ${limit.padStart(8)}`);
}
