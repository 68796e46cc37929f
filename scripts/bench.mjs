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
const large = path.join(home, 'large');
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
/** Above the start of a process; limits in ms. */
const above = (what, ms, limitMs) => rows.push({ what, ms, limitMs });
const memory = (what, kb, limitMb) => rows.push({ what, mb: kb / 1024, limitMb });

fs.mkdirSync(path.join(root, 'pancode', 'config'), { recursive: true });
const git = (cwd, ...args) =>
  execFileSync('git', ['-c', 'user.name=b', '-c', 'user.email=b@example.invalid', ...args], { cwd });
repositoryOf(project, 40);
repositoryOf(large, 10_000);

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
const pancode = (...args) => pancodeIn(project, ...args);
const pancodeIn = (cwd, ...args) => {
  const done = spawnSync(process.execPath, [program, ...args], { cwd, env, encoding: 'utf8', maxBuffer: 2 ** 26 });
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

  const dispatch = (agent, worker, cwd = project) => {
    const start = performance.now();
    const task = 'Add a farewell next to the greeting.';
    const receipt = JSON.parse(pancodeIn(cwd, 'dispatch', agent, task, '--worker', worker, '--no-apply', '--json'));
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
    bare.push(timed(() => bareClaude(project)));
    writer.push(dispatch('builder', 'claude-code/claude-sonnet-5').ms);
    units.push(timed(node));
    reader.push(dispatch('scout', 'claude-code/claude-sonnet-5').ms);
  }
  row('claude alone, one task', median(bare), null);
  row('added around claude: writer', median(writer) - median(bare), 10);
  row('added around claude: reader', median(reader) - median(bare), 12);
  const [bareLarge, writerLarge] = [[], []];
  for (let round = 0; round < 5; round += 1) {
    units.push(timed(node));
    bareLarge.push(timed(() => bareClaude(large)));
    writerLarge.push(dispatch('builder', 'claude-code/claude-sonnet-5', large).ms);
  }
  row('added around claude: writer, 10,000 files', median(writerLarge) - median(bareLarge), 20);
  memory('resident: daemon', rss(JSON.parse(pancode('daemon', 'status', '--json')).pid), 200);
  await residentOfOne();
  // Minutes of writing and reading 2 GB, so only where it is asked for: `npm run bench -- --full`.
  if (process.argv.includes('--full')) millionReceipts();
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

/** A repository with one commit of so many files, a hundred to a directory. */
function repositoryOf(dir, files) {
  for (let i = 0; i < files; i += 1) {
    if (i % 100 === 0) fs.mkdirSync(path.join(dir, 'src', `part-${i / 100}`), { recursive: true });
    fs.writeFileSync(
      path.join(dir, 'src', `part-${Math.floor(i / 100)}`, `file-${i}.js`),
      `export const value${i} = ${i};\n`,
    );
  }
  git(dir, 'init', '-q', '-b', 'main');
  git(dir, 'add', '.');
  git(dir, 'commit', '-q', '-m', 'first');
}

function bareClaude(cwd) {
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
      cwd,
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
  git(cwd, 'checkout', '-q', '.');
  git(cwd, 'clean', '-qfd');
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

/** A ledger of a million receipts, one a minute, made from a real one. The index reads no seals, so the lines carry none that fit. */
function millionReceipts() {
  pancode('daemon', 'stop', '--workers');
  const file = path.join(state, 'receipts.jsonl');
  const receipt = JSON.parse(fs.readFileSync(file, 'utf8').split('\n')[0]);
  const agents = ['scout', 'planner', 'builder', 'reviewer', 'plan-reviewer', 'documenter', 'red-team'];
  const out = fs.openSync(file, 'a');
  for (let i = 0; i < 1_000_000; ) {
    let lines = '';
    for (const end = i + 1_000; i < end; i += 1) {
      receipt.id = i.toString(36).toUpperCase().padStart(26, '0');
      receipt.project = `${home}/project-${i % 43}`;
      receipt.agent.name = agents[i % agents.length];
      receipt.worker.id = `native/lab/m${i % 19}`;
      receipt.worker.model = `m${i % 19}`;
      receipt.cost = {
        usd: i % 11 ? (i % 1000) / 1e4 : null,
        grade: i % 11 ? 'priced' : 'unknown',
        billing: 'api',
        priceTable: null,
      };
      receipt.time.ended = new Date(Date.UTC(2025, 0) + i * 60_000).toISOString();
      lines += `${JSON.stringify(receipt)}\n`;
    }
    fs.writeSync(out, lines);
  }
  fs.closeSync(out);
  pancode('daemon', 'start');
  const measure = (...args) => times(7, () => pancode(...args)) - median(units);
  above('costs on 1,000,000 receipts', measure('costs'), 150);
  above('costs --by day', measure('costs', '--by', 'day'), 150);
  above('receipts --limit 50 on 1,000,000', measure('receipts', '--limit', '50'), 150);
  above('receipts --agent scout --status failed', measure('receipts', '--agent', 'scout', '--status', 'failed'), 150);
}

function print() {
  const unit = median(units);
  const cells = ({ what, ms, limit, limitMs, mb, limitMb }) =>
    ms === undefined
      ? [what, `${mb.toFixed(0)} MB`, '', `${limitMb} MB`]
      : limitMs !== undefined
        ? [what, `${ms.toFixed(0)} ms`, '', `${limitMs} ms`]
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
