/** A person's word about the change of a settled dispatch: look at it, apply it, take it back. Each change of the user's tree becomes an amendment. */
import { isApplied } from '../core/applied.ts';
import { dispatchPlaces } from '../core/places.ts';
import { chosenFiles } from '../core/questions.ts';
import { visibleLine } from '../core/visible.ts';
import type { Ledger } from '../drivers/store/ledger.ts';
import { applyChanges, recoverApply } from '../drivers/workspace/apply.ts';
import { branchWith, commitApplied, refuseUnclean } from '../drivers/workspace/commit.ts';
import { changesOf } from '../drivers/workspace/diff.ts';
import { inspectProject } from '../drivers/workspace/inspect.ts';
import { baseRef, resultRef } from '../drivers/workspace/refs.ts';
import { undoApply } from '../drivers/workspace/undo.ts';
import type { ApplyRequest, ClientContext } from '../protocol/api.ts';
import { EXIT, PanError } from '../protocol/error.ts';
import type { Amendment, ChangedFile, Receipt } from '../protocol/receipt.ts';
import type { Questions } from './questions.ts';

export interface ApplyParts {
  roots: { state: string };
  ledger: Ledger;
  now(): Date;
  oneAtATime<T>(commonDir: string, work: () => Promise<T>): Promise<T>;
  /** Throws PanError for a dispatch that is unknown or has not ended yet. */
  settled(id: string): { receipt: Receipt; amendments: Amendment[] };
  questions: Questions;
}

export function createApplies(parts: ApplyParts) {
  const { settled, questions } = parts;
  const amend = (
    receipt: Receipt,
    type: 'apply' | 'undo' | 'branch',
    files: string[],
    commit: string | null = null,
  ): Amendment =>
    parts.ledger.addAmendment({
      id: receipt.id,
      at: parts.now().toISOString(),
      type,
      by: 'user',
      files,
      patchSha256: receipt.changes.patchSha256,
      commit,
    });

  return {
    async diff(id: string, client: ClientContext): Promise<{ files: ChangedFile[]; patch: string }> {
      const [waiting] = questions.list(id);
      const receipt = waiting ? null : settled(id).receipt;
      if (receipt && (!receipt.changes.ref || !receipt.base)) return { files: [], patch: '' };
      const { project, git } = await placeOf((waiting ?? receipt)?.project as string, client);
      const found = await changesOf(
        project,
        git,
        receipt?.base?.commit ?? baseRef(id),
        receipt?.changes.ref ?? resultRef(id),
      );
      return { files: found.files, patch: found.patch.toString('utf8') };
    },
    async apply(id: string, request: ApplyRequest): Promise<Amendment> {
      const [waiting] = questions.list(id);
      if (waiting)
        throw new PanError(
          'open-question',
          `The change of ${id} waits for your answer.`,
          `Apply it with \`pancode approve ${id}\`, or say no with \`pancode deny ${id}\`.`,
          EXIT.failed,
        );
      const { receipt } = request.branch === undefined ? unapplied(id) : settled(id);
      const { base, changes } = receipt;
      if (!changes.ref || !base)
        throw new PanError(
          'nothing-to-apply',
          `Dispatch ${id} has no change to apply.`,
          `Look at its answer with \`pancode receipts show ${id}\`.`,
          EXIT.failed,
        );
      const result = changes.ref;
      const { project, git } = await placeOf(receipt.project, request.client);
      const found = await changesOf(project, git, base.commit, result);
      if (found.patchSha256 !== changes.patchSha256)
        throw new PanError(
          'changed-result',
          `The result of ${id} is not the one its receipt records.`,
          `Look at refs/pancode/${id}/result yourself before using it.`,
          EXIT.refused,
        );
      const only = filesToApply(id, found.files, request);
      const { apply: journalDir, undo: undoDir, scratch: scratchDir } = dispatchPlaces(parts.roots.state, id);
      if (request.branch !== undefined) {
        if (!base.head)
          throw new PanError(
            'no-commit',
            'The repository had no commit for a branch to start from.',
            'Apply the change to your working tree and commit it.',
            EXIT.failed,
          );
        const message = request.commit ?? visibleLine(receipt.task, 72);
        const what = { name: request.branch, message, base: base.commit, result, only, onto: base.head, scratchDir };
        const made = await branchWith(project, git, what);
        return amend(receipt, 'branch', made.files, made.commit);
      }
      if (request.commit !== undefined) await refuseUnclean(project, git, only);
      return parts.oneAtATime(project.commonDir, async () => {
        await recoverApply(journalDir, git);
        unapplied(id); // somebody may have been first while this waited
        const applied = await applyChanges(project, git, { id, base: base.commit, result, only, journalDir });
        if (applied.outcome !== 'applied')
          throw new PanError(
            'conflict',
            `${applied.reason} Nothing was touched.`,
            `The work stays in ${result}; merge it with git, or dispatch again.`,
            EXIT.failed,
          );
        if (request.commit === undefined) return amend(receipt, 'apply', applied.files);
        try {
          const commit = await commitApplied(project, git, { journalDir, message: request.commit, scratchDir });
          return amend(receipt, 'apply', applied.files, commit);
        } catch (error) {
          // All or nothing: what could not be committed is not left lying in the tree.
          await undoApply(project, git, { id, journalDir, undoDir });
          throw error;
        }
      });
    },
    async undo(id: string, client: ClientContext): Promise<Amendment> {
      const { receipt } = applied(id);
      const { project, git } = await placeOf(receipt.project, client);
      const { apply, undo } = dispatchPlaces(parts.roots.state, id);
      return parts.oneAtATime(project.commonDir, async () => {
        applied(id);
        const undone = await undoApply(project, git, { id, journalDir: apply, undoDir: undo });
        if (undone.outcome !== 'applied')
          throw new PanError(
            'conflict',
            `${undone.reason} Nothing was touched.`,
            'Take your later edits back first, or undo by hand with the base in git.',
            EXIT.failed,
          );
        return amend(receipt, 'undo', undone.files);
      });
    },
  };

  function unapplied(id: string) {
    const known = settled(id);
    if (!isApplied(known.receipt, known.amendments)) return known;
    throw new PanError(
      'already-applied',
      `The change of ${id} is applied already.`,
      `Take it back with \`pancode undo ${id}\`.`,
      EXIT.failed,
    );
  }

  function applied(id: string) {
    const known = settled(id);
    if (isApplied(known.receipt, known.amendments)) return known;
    throw new PanError(
      'not-applied',
      `The change of ${id} is not applied.`,
      `Apply it with \`pancode apply ${id}\`, or look at it with \`pancode diff ${id}\`.`,
      EXIT.failed,
    );
  }

  async function placeOf(root: string, client: ClientContext) {
    const git = { home: client.home, path: client.path, state: parts.roots.state };
    return { git, project: await inspectProject(root, git) };
  }
}

function filesToApply(id: string, files: ChangedFile[], request: ApplyRequest): string[] {
  const paths = files.map((file) => file.path);
  const choice = chosenFiles(paths, request);
  if ('unknown' in choice)
    throw new PanError(
      'unknown-file',
      `The change has no file "${choice.unknown}".`,
      `It changes: ${paths.join(', ')}.`,
    );
  const only = choice.chosen ?? paths;
  const forbidden = files.filter((file) => file.class === 'forbidden' && only.includes(file.path));
  if (forbidden.length === 0) return only;
  throw new PanError(
    'forbidden-path',
    `The change of ${id} touches what is never applied: ${forbidden.map((file) => file.path).join(', ')}.`,
    `Apply the rest with \`pancode apply ${id} --except …\`.`,
    EXIT.refused,
  );
}
