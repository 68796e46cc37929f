// npm start: PanCode itself on a terminal; without a terminal, an agent or a model, the demo on the simulated model.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { ensureBubblewrap, ensureBuilt, ensureDependencies, ensureNode24, root } from './setup.mjs';

ensureDependencies();
ensureNode24();
ensureBubblewrap();
await ensureBuilt();

const pancode = (args, options) =>
  spawnSync(process.execPath, [path.join(root, 'bin', 'pancode.js'), ...args], { stdio: 'inherit', ...options });
const given = process.argv.slice(2);
if (given.length > 0) process.exit(pancode(given).status ?? 1);

const terminal = Boolean(process.stdin.isTTY && process.stdout.isTTY);
if (terminal) {
  const answer = pancode(['fleet', '--refresh', '--json'], { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' });
  const ready = answer.status === 0 && JSON.parse(answer.stdout).workers.some((worker) => worker.state === 'ready');
  if (ready) process.exit(pancode([]).status ?? 1);
  console.error('No agent or model is ready on this machine, so this is the demo.\n');
} else
  console.error('There is no terminal here, so this is the demo; on a terminal `npm start` opens PanCode itself.\n');
process.exit(pancode(['demo']).status ?? 1);
