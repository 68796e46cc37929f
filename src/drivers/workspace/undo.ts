/** Takes an applied change back: the very bytes where a file is as the apply left it, else the reverse merge. */
import fs from 'node:fs';
import path from 'node:path';
import { EXIT, PanError } from '../../protocol/error.ts';
import { type ApplyOutcome, filesOf, formOf, recoverApply, unlessConflict, wantedFrom } from './apply.ts';
import { mark, oldBytes, type Plan, type PlanEntry, readJournal, writePlan } from './apply-journal.ts';
import { commitOf } from './diff.ts';
import { look, same } from './disk-state.ts';
import { type GitHost, gitLine } from './git.ts';
import type { Project } from './inspect.ts';
import { changedSince, mergeTrees, putEntries, treeNow } from './merge.ts';
import { type Name, textOf } from './names.ts';
import { conflict, prepare, type Wanted } from './prepare.ts';
import { appliedRef } from './refs.ts';
import { type OnStep, perform } from './replace.ts';
import { several } from './several.ts';
import { treeChanges } from './tree-changes.ts';
import { setsAttributes, writeForm } from './written-form.ts';

export interface UndoOptions {
  id: string;
  /** Of the apply. */
  journalDir: string;
  /** Of the undo itself. */
  undoDir: string;
  onStep?: OnStep;
}

/** All or nothing, one at a time per project, and again without harm, as `applyChanges`. Throws PanError where nothing is applied. */
export async function undoApply(project: Project, host: GitHost, options: UndoOptions): Promise<ApplyOutcome> {
  await recoverApply(options.journalDir, host);
  await recoverApply(options.undoDir, host);
  const { state, plan } = readJournal(options.journalDir);
  const earlier = readJournal(options.undoDir);
  if (plan !== null && earlier.state === 'applied' && earlier.plan.undoes === plan.nonce) {
    if (state === 'applied') mark(options.journalDir, 'undone');
    return { outcome: 'applied', files: filesOf(earlier.plan) };
  }
  if (state !== 'applied')
    throw new PanError(
      'not-applied',
      `The change of ${options.id} is not applied.`,
      `Apply it with \`pancode apply ${options.id}\`.`,
      EXIT.failed,
    );
  const outcome = await unlessConflict(options.undoDir, project.root, async () => {
    const wanted = await wantedBack(project, host, options, plan);
    const { sources, ...places } = await prepare(project.root, options.undoDir, wanted, {
      // A directory that was there before the apply stays, even if it is empty again.
      mayRemove: (dir) => plan.created.some((made) => made.name === dir),
      restore: plan.removed,
    });
    const undo: Plan = { schema: 1, id: options.id, undoes: plan.nonce, root: project.root, what: null, ...places };
    writePlan(options.undoDir, undo);
    options.onStep?.('planned');
    await perform(options.undoDir, undo, sources, options.onStep ?? (() => {}));
    return filesOf(undo);
  });
  if (outcome.outcome === 'applied') mark(options.journalDir, 'undone');
  return outcome;
}

async function wantedBack(project: Project, host: GitHost, options: UndoOptions, plan: Plan): Promise<Wanted[]> {
  const found = await several(plan.entries, async (entry) =>
    same((await look(project.root, entry.name)).state, entry.after),
  );
  const untouched = new Map<Name, Wanted>(
    plan.entries.filter((_, n) => found[n]).map((entry) => [entry.name, asBefore(options.journalDir, entry)]),
  );
  if (untouched.size === plan.entries.length) return [...untouched.values()];
  return mergedBack(project, host, options, plan, untouched);
}

/** The bytes and permissions from before the apply. */
function asBefore(journalDir: string, entry: PlanEntry): Wanted {
  const { before } = entry;
  const blobs = { before: entry.blobs.after, after: entry.blobs.before };
  const after =
    before?.kind === 'file'
      ? { kind: 'file' as const, source: oldBytes(journalDir, entry.number), mode: () => before.mode }
      : before;
  return { name: entry.name, before: entry.after, after, blobs };
}

/** Someone worked on after the apply: base = after the apply, ours = now, theirs = before the apply. */
async function mergedBack(
  project: Project,
  host: GitHost,
  options: UndoOptions,
  plan: Plan,
  untouched: Map<Name, Wanted>,
): Promise<Wanted[]> {
  const scratch = path.join(options.undoDir, 'new', 'scratch');
  const staged = path.join(options.undoDir, 'new', 'files');
  fs.mkdirSync(scratch, { recursive: true, mode: 0o700 });
  const base = await commitOf(project, host, appliedRef(options.id));
  const before = await gitLine(host, ['rev-parse', '--verify', `${base}^^{tree}`], { cwd: project.root });
  const now = await treeNow(
    project,
    host,
    scratch,
    plan.entries.map((entry) => entry.name),
  );
  // What git makes of the bytes it wrote itself need not be the blob they came from (filters, line ends).
  const asApplied = plan.entries
    .filter((entry) => untouched.has(entry.name))
    .map((entry) => ({ name: entry.name, blob: entry.blobs.after }));
  const ours = path.join(scratch, 'ours');
  fs.copyFileSync(now.index, ours);
  await putEntries(project, host, ours, asApplied);
  const tree = await gitLine(host, ['write-tree'], { cwd: project.root, env: { GIT_INDEX_FILE: ours } });
  const merged = await mergeTrees(project, host, { base, ours: tree, theirs: before });
  if ('conflicts' in merged)
    throw conflict(`${textOf(merged.conflicts[0] as Name)} was changed since the change was applied.`);
  const changes = await treeChanges(project, host, tree, merged.tree);
  const own = changes.filter(
    (change) => untouched.get(change.name)?.blobs.after?.id !== change.new?.id || !untouched.has(change.name),
  );
  await writeForm(project, host, {
    ...formOf(merged.tree, own, staged, scratch),
    attributesChange: changes.some((change) => setsAttributes(change.name)),
  });
  const [first] = await changedSince(project, host, now, own);
  if (first !== undefined) throw conflict(`${textOf(first)} in your working tree is not what git knows of it.`);
  return changes.map((change) =>
    own.includes(change) ? wantedFrom(change, staged) : (untouched.get(change.name) as Wanted),
  );
}
