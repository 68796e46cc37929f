/** Brings a result into the user's working tree: a merge of trees, then the changed files alone. Index, HEAD and refs stay as they are. */
import fs from 'node:fs';
import path from 'node:path';
import { EXIT, PanError } from '../../protocol/error.ts';
import { dropJournal, freshJournal, type Plan, readJournal, writePlan } from './apply-journal.ts';
import { commitsOf } from './diff.ts';
import type { DiskState } from './disk-state.ts';
import { type GitHost, git } from './git.ts';
import type { Project } from './inspect.ts';
import { changedSince, commitTree, mergeTrees, type TreeNow, treeNow, treeWith } from './merge.ts';
import { type Name, onDisk, textOf } from './names.ts';
import { conflict, prepare, type Wanted } from './prepare.ts';
import { rankChanges } from './ranks.ts';
import { appliedRef } from './refs.ts';
import { asConflict, type OnStep, perform, rollBack } from './replace.ts';
import { together } from './several.ts';
import { refuseOutside } from './sparse.ts';
import { type TreeChange, treeChanges } from './tree-changes.ts';
import { setsAttributes, writeForm } from './written-form.ts';

export type ApplyOutcome =
  /** `files`: what the working tree got or lost, as a person reads it. */
  | { outcome: 'applied'; files: string[] }
  /** Nothing was touched; one sentence why. */
  | { outcome: 'conflict'; reason: string };

export interface ApplyOptions {
  id: string;
  /** The snapshot and the result: commits or names of refs. */
  base: string;
  result: string;
  /** Paths of the change, as `changesOf` gives them; all of them when it is not given. */
  only?: string[];
  /** Private directory; kept afterwards, as undo needs it. */
  journalDir: string;
  onStep?: OnStep;
}

/**
 * All or nothing. The caller lets only one run at a time per project. Doing it again after it was done is `applied` without a touch.
 * Throws PanError for a path in `only` that the change does not have, and `half-applied` when a file was edited in the very moment
 * between a failure and taking everything back.
 */
export async function applyChanges(project: Project, host: GitHost, options: ApplyOptions): Promise<ApplyOutcome> {
  const { journalDir } = options;
  const [base, result] = await commitsOf(project, host, options.base, options.result);
  const what = { base, result, only: options.only?.toSorted() ?? null };
  await recoverApply(journalDir, host);
  const earlier = readJournal(journalDir);
  if (earlier.state === 'applied') {
    if (JSON.stringify(earlier.plan.what) === JSON.stringify(what))
      return { outcome: 'applied', files: filesOf(earlier.plan) };
    return { outcome: 'conflict', reason: 'Another choice of its files is applied already: undo that first.' };
  }
  const chosen = chooseChanges(await treeChanges(project, host, base, result), options.only);
  const step = options.onStep ?? (() => {});
  const outcome = await unlessConflict(journalDir, project.root, async () => {
    const { plan, sources } = await planned(project, host, options, step, what, chosen);
    await perform(journalDir, plan, sources, step);
    return filesOf(plan);
  });
  if (outcome.outcome === 'conflict') await dropRef(project.root, host, options.id);
  return outcome;
}

/** What was to be applied and is not is no record of anything. */
async function dropRef(root: string, host: GitHost, id: string): Promise<void> {
  await git(host, ['update-ref', '-d', appliedRef(id)], { cwd: root });
}

/**
 * Ends what a killed process left: `applied` where everything was done, `rolled-back` where it was not and is undone now, `none` where
 * nothing is applied. Can be called any number of times. Throws PanError `half-applied` as `applyChanges` does.
 */
export async function recoverApply(journalDir: string, host: GitHost): Promise<'applied' | 'rolled-back' | 'none'> {
  const { state, plan } = readJournal(journalDir);
  if (state === 'applied') return 'applied';
  if (state !== 'unfinished') return 'none';
  await rollBack(journalDir, plan, null);
  if (plan.undoes === null) await dropRef(plan.root, host, plan.id);
  return 'rolled-back';
}

export const filesOf = (plan: Plan): string[] => plan.entries.map((entry) => textOf(entry.name));

/** Runs `work` with a fresh journal; what it refuses before the tree is touched, and after it was put back, is the outcome `conflict`. */
export async function unlessConflict(
  journalDir: string,
  root: string,
  work: () => Promise<string[]>,
): Promise<ApplyOutcome> {
  try {
    freshJournal(journalDir);
    const files = await work();
    fs.rmSync(path.join(journalDir, 'new'), { recursive: true, force: true });
    return { outcome: 'applied', files };
  } catch (error) {
    // An unfinished plan is the next recovery's.
    if (readJournal(journalDir).state !== 'none') throw error;
    dropJournal(journalDir);
    const reason = asConflict(error, root);
    if (reason instanceof PanError && reason.code !== 'half-applied')
      return { outcome: 'conflict', reason: reason.message };
    throw error;
  }
}

async function planned(
  project: Project,
  host: GitHost,
  options: ApplyOptions,
  step: OnStep,
  what: NonNullable<Plan['what']>,
  chosen: TreeChange[],
): Promise<{ plan: Plan; sources: (string | Buffer | null)[] }> {
  const scratch = path.join(options.journalDir, 'new', 'scratch');
  const staged = path.join(options.journalDir, 'new', 'files');
  fs.mkdirSync(scratch, { recursive: true, mode: 0o700 });
  const theirs =
    what.only === null
      ? `${what.result}^{tree}`
      : await chosenTree(project, host, path.join(scratch, 'theirs'), what.base, chosen);
  const known = chosen.filter((change) => change.old !== null).map((change) => change.name);
  const now = await treeNow(project, host, scratch, known);
  const merged = await mergeTrees(project, host, { base: what.base, ours: now.tree, theirs });
  if ('conflicts' in merged) throw conflict(conflictReason(merged.conflicts));
  step('merged');
  const changes = await treeChanges(project, host, now.tree, merged.tree);
  await refuseMoved(project, host, changes, chosen, merged.tree);
  await refuseOutside(
    project,
    host,
    changes.map((change) => change.name),
    path.join(scratch, 'sparse'),
  );
  await writeForm(project, host, formOf(merged.tree, changes, staged, scratch));
  step('written');
  const wanted = changes.map((change) => wantedFrom(change, staged));
  const prepared = await prepare(project.root, options.journalDir, wanted, {
    mayRemove: () => true,
    restore: [],
  });
  step('prepared');
  const [applied] = await together([
    commitTree(project, host, merged.tree, merged.ours),
    refuseChanged(project, host, now, changes),
  ]);
  await git(host, ['update-ref', appliedRef(options.id), applied], { cwd: project.root });
  const { sources, ...places } = prepared;
  const plan: Plan = { schema: 1, id: options.id, undoes: null, root: project.root, what, ...places };
  step('held');
  writePlan(options.journalDir, plan);
  step('planned');
  return { plan, sources };
}

/** The base with the chosen changes alone. Throws PanError `conflict` where one of them brings another with it. */
async function chosenTree(
  project: Project,
  host: GitHost,
  index: string,
  base: string,
  chosen: TreeChange[],
): Promise<string> {
  const tree = await treeWith(
    project,
    host,
    index,
    base,
    chosen.map((change) => ({ name: change.name, blob: change.new })),
  );
  const names = new Set(chosen.map((change) => change.name));
  const brought = (await treeChanges(project, host, base, tree)).find((change) => !names.has(change.name));
  if (brought === undefined) return tree;
  throw conflict(`${textOf(brought.name)} is in the way of the chosen files: choose it too.`);
}

function chooseChanges(changes: TreeChange[], only: string[] | undefined): TreeChange[] {
  if (only === undefined) return changes;
  const paths = new Set(changes.map((change) => textOf(change.name)));
  const unknown = only.find((name) => !paths.has(name));
  if (unknown === undefined) return changes.filter((change) => only.includes(textOf(change.name)));
  throw new PanError(
    'unknown-file',
    `The change has no file "${unknown}".`,
    'Look at its files with `pancode diff`.',
    EXIT.usage,
  );
}

function conflictReason(conflicts: Name[]): string {
  const more = conflicts.length > 1 ? ` and ${conflicts.length - 1} more` : '';
  return `${textOf(conflicts[0] as Name)}${more} was changed in your working tree too, and git cannot merge the two.`;
}

/** The merge can bring a change to another path, when the user moved a file. What nobody has agreed to there asks again. */
async function refuseMoved(
  project: Project,
  host: GitHost,
  changes: TreeChange[],
  chosen: TreeChange[],
  tree: string,
): Promise<void> {
  const agreed = new Set(chosen.map((change) => change.name));
  for (const { change, path: at, rank, why } of await rankChanges(project, host, changes, tree)) {
    if (rank === 'forbidden') throw conflict(`${at} is never applied: ${why}.`);
    if (rank !== 'ordinary' && !agreed.has(change.name))
      throw conflict(`The change would now go to ${at}, which ${why}, and nobody has agreed to that.`);
  }
}

async function refuseChanged(project: Project, host: GitHost, now: TreeNow, changes: TreeChange[]): Promise<void> {
  const [first] = await changedSince(project, host, now, changes);
  if (first !== undefined) throw conflict(`${textOf(first)} in your working tree is not what git knows of it.`);
}

/** What to write of a tree. */
export function formOf(
  tree: string,
  changes: TreeChange[],
  dir: string,
  scratch: string,
): Parameters<typeof writeForm>[2] {
  return {
    tree,
    names: changes.filter((change) => change.new !== null).map((change) => change.name),
    dir,
    index: path.join(scratch, 'written'),
    attributesChange: changes.some((change) => setsAttributes(change.name)),
  };
}

/** A changed path as it was written below `staged`. */
export function wantedFrom(change: TreeChange, staged: string): Wanted {
  const blobs = { before: change.old, after: change.new };
  const before = change.old === null ? null : ('known to git' as const);
  if (change.new === null) return { name: change.name, before, after: null, blobs };
  const source = onDisk(staged, change.name);
  const stat = fs.lstatSync(source);
  if (stat.isSymbolicLink()) {
    const target = fs.readlinkSync(source, { encoding: 'buffer' }).toString('latin1');
    return { name: change.name, before, after: { kind: 'link', target }, blobs };
  }
  const runs = change.old?.mode === change.new.mode ? null : change.new.mode === '100755';
  return {
    name: change.name,
    before,
    after: { kind: 'file', source, mode: (old) => modeFrom(old, stat.mode & 0o777, runs) },
    blobs,
  };
}

/** The user's own permissions stay, but for the one git knows: `runs`, null where that is unchanged. */
function modeFrom(before: DiskState, fresh: number, runs: boolean | null): number {
  if (before?.kind !== 'file') return fresh;
  const kept = before.mode & 0o777;
  if (runs === null) return kept;
  return runs ? kept | ((kept & 0o444) >> 2) : kept & ~0o111;
}
