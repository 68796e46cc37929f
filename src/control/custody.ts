/** A person's no to a result: nothing of it is deleted, its refs move into the trash. */
import { isApplied } from '../core/applied.ts';
import { dispatchPlaces } from '../core/places.ts';
import type { Ledger } from '../drivers/store/ledger.ts';
import { inspectProject } from '../drivers/workspace/inspect.ts';
import { heldRefs, moveRefs } from '../drivers/workspace/salvage.ts';
import { markDiscarded } from '../drivers/workspace/trash.ts';
import type { ClientContext } from '../protocol/api.ts';
import { EXIT, PanError } from '../protocol/error.ts';
import type { Amendment, Receipt } from '../protocol/receipt.ts';

export interface CustodyParts {
  state: string;
  ledger: Ledger;
  now(): Date;
  oneAtATime<T>(commonDir: string, work: () => Promise<T>): Promise<T>;
  /** Throws PanError for a dispatch that is unknown or has not ended yet. */
  settled(id: string): { receipt: Receipt; amendments: Amendment[] };
}

/** Throws PanError where there is no result, where it is applied, and where it was discarded before. */
export async function discard(id: string, client: ClientContext, parts: CustodyParts): Promise<Amendment> {
  const { receipt } = undecided(id, parts);
  const host = { home: client.home, path: client.path, state: parts.state };
  const project = await inspectProject(receipt.project, host);
  return parts.oneAtATime(project.commonDir, async () => {
    const { amendments } = undecided(id, parts); // somebody may have been first while this waited
    const at = parts.now().toISOString();
    // The mark first: refs in the trash without it would have no age.
    await markDiscarded(dispatchPlaces(parts.state, id).trash, { at, project: receipt.project });
    await moveRefs(project, host, id, 'trash').catch(async (error: unknown) => {
      if (!(error instanceof PanError) || error.code !== 'no-commit') throw error;
      if (amendments.at(-1)?.type === 'discard') throw alreadyDiscarded(id);
      // A daemon that died before it wrote this down has moved them.
      const held = await heldRefs(project, host);
      if (!held.some((one) => one.id === id && one.discarded)) throw error;
    });
    const { patchSha256 } = receipt.changes;
    return parts.ledger.addAmendment({ id, at, type: 'discard', by: 'user', files: [], patchSha256, commit: null });
  });
}

function undecided(id: string, parts: CustodyParts) {
  const known = parts.settled(id);
  if (!known.receipt.changes.ref)
    throw new PanError(
      'nothing-to-discard',
      `Dispatch ${id} has no change to discard.`,
      `Look at its answer with \`pancode receipts show ${id}\`.`,
      EXIT.failed,
    );
  if (isApplied(known.receipt, known.amendments))
    throw new PanError(
      'already-applied',
      `The change of ${id} is applied.`,
      `Take it out of your working tree with \`pancode undo ${id}\` first.`,
      EXIT.failed,
    );
  return known;
}

function alreadyDiscarded(id: string): PanError {
  return new PanError(
    'already-discarded',
    `The change of ${id} is discarded already.`,
    `Get it back with \`pancode salvage ${id}\`.`,
    EXIT.failed,
  );
}
