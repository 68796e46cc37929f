/** After the receipt: what a dispatch used goes, what its agent left beside its result is kept. */
import fs from 'node:fs';
import type { DispatchPlaces } from '../core/places.ts';
import { removeTree, removeTreeBeside } from '../drivers/workspace/remove.ts';
import { keepBeside } from '../drivers/workspace/trash.ts';
import type { Receipt } from '../protocol/receipt.ts';

/**
 * A copy goes only when its content is known to be in a ref, and what is in none is in the trash. Never rejects: what cannot be done now (a
 * full disk, most likely) is logged, stays where it is, and is done at the next start of a daemon. Again without harm.
 */
export async function cleanUp(
  places: DispatchPlaces,
  receipt: Receipt,
  harvested: boolean,
  log: (line: string) => void,
): Promise<void> {
  try {
    freeScratch(places);
    for (const dir of [places.gatewayDir, places.socketDir, places.reserve]) removeTree(dir);
    if (!harvested || receipt.outcome.status === 'lost' || !fs.existsSync(places.copy)) return;
    await emptyCopy(places, receipt.changes.ignored, { at: receipt.time.ended, project: receipt.project });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    log(`${receipt.id}: not everything could be cleaned up, so it stays in ${places.dir}: ${why}`);
  }
}

/** What a dispatch only worked with: nothing in it is work. */
export function freeScratch(places: DispatchPlaces): void {
  for (const dir of [places.home, places.harvest, places.check, places.scratch]) removeTree(dir);
}

/** Of a copy whose content is in a ref: `beside` is kept in the trash, the rest goes. */
export async function emptyCopy(
  places: DispatchPlaces,
  beside: string[],
  record: { at: string; project: string },
): Promise<void> {
  await keepBeside(places.copy, places.trash, beside, record);
  await removeTreeBeside(places.copy);
}
