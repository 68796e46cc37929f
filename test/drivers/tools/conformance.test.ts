import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { Tool } from '../../../src/core/contracts.ts';
import { describeTool } from '../../conformance/tools.ts';

const folder = path.resolve(import.meta.dirname, '../../../src/drivers/tools');

for (const file of readdirSync(folder)) {
  const { default: tool } = (await import(path.join(folder, file))) as { default: Tool };
  describeTool(path.basename(file, '.ts'), tool);
}
