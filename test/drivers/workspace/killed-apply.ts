/** Run as a program: applies or undoes, and is killed without warning after the n-th step. Prints every step, so that they can be counted. */
import fs from 'node:fs';
import { applyChanges } from '../../../src/drivers/workspace/apply.ts';
import { inspectProject } from '../../../src/drivers/workspace/inspect.ts';
import { undoApply } from '../../../src/drivers/workspace/undo.ts';
import type { Work } from './work-tree.ts';

export interface KilledApply {
  what: 'apply' | 'undo';
  root: string;
  host: { home: string; path: string };
  work: Work;
  /** Number of the step that is the last, from 1. */
  killAfter: number;
}

const order = JSON.parse(process.argv[2] as string) as KilledApply;
let steps = 0;
const onStep = (step: string) => {
  steps += 1;
  fs.writeSync(1, `${step}\n`);
  if (steps === order.killAfter) process.kill(process.pid, 'SIGKILL');
};
const project = await inspectProject(order.root, order.host);
if (order.what === 'apply') await applyChanges(project, order.host, { ...order.work, onStep });
else await undoApply(project, order.host, { ...order.work, onStep });
