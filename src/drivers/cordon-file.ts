/** `state/cordons.json`: what a person has taken out of the fleet. Only the daemon writes it, and only on a person's command. */
import fs from 'node:fs';
import { dirname } from 'node:path';
import * as z from 'zod';
import type { Cordon } from '../core/cordons.ts';
import { EXIT, PanError } from '../protocol/error.ts';

const CordonFile = z.lazy(() =>
  z.object({ schema: z.literal(1), cordons: z.array(z.object({ id: z.string(), at: z.string() })) }),
);

/** [] where nothing is cordoned. Throws PanError where the file is damaged: a worker somebody took out must not come back by itself. */
export function readCordons(file: string): Cordon[] {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw damaged(file, error);
  }
  try {
    return CordonFile.parse(JSON.parse(text)).cordons;
  } catch (error) {
    throw damaged(file, error);
  }
}

/** Replaces the file as a whole. Waits for the disk: with the reading before it, it is one step that no other change comes between. */
export function writeCordons(file: string, cordons: readonly Cordon[]): void {
  fs.mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const beside = `${file}.new`;
  const fd = fs.openSync(beside, 'w', 0o600);
  try {
    fs.writeFileSync(fd, `${JSON.stringify({ schema: 1, cordons }, null, 2)}\n`);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
  fs.renameSync(beside, file);
}

const damaged = (file: string, cause: unknown) =>
  new PanError(
    'damaged-cordons',
    `${file} cannot be read, so nobody knows which workers were cordoned.`,
    'Mend or remove it, and cordon again what shall not be used.',
    EXIT.failed,
    cause,
  );
