/** A parent of sandboxes that is killed: `parent.ts SPEC.json COUNT MS`. Says `started` once the last one has been spawned. */
import fs from 'node:fs';
import { startSandboxed } from '../../../src/drivers/sandbox/launch.ts';
import type { SandboxSpec } from '../../../src/drivers/sandbox/spec.ts';

const [file, count, ms, script] = process.argv.slice(2) as [string, string, string, string];
const spec = JSON.parse(fs.readFileSync(file, 'utf8')) as SandboxSpec;
const starting = Array.from({ length: Number(count) }, () =>
  startSandboxed(spec, ['/bin/bash', '-c', script], { stdio: 'pipe' }),
);
if (ms === 'never') {
  const [child] = await Promise.all(starting);
  child?.stdout.pipe(process.stdout);
} else setTimeout(() => process.kill(process.pid, 'SIGKILL'), Number(ms));
