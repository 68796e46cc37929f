/** A change as a person and the apply gate look at it: files with their classes, risky shapes, and the patch with its hash. */
import { createHash } from 'node:crypto';
import { classOf } from '../../core/policy/paths.ts';
import { type Risk, riskyShape } from '../../core/policy/shape.ts';
import { EXIT, PanError } from '../../protocol/error.ts';
import type { ChangedFile } from '../../protocol/receipt.ts';
import { type GitHost, git, splitNul, tryGit } from './git.ts';
import type { Project } from './inspect.ts';
import { type RankedChange, rankChanges } from './ranks.ts';
import { plain, type TreeChange, treeChangesWith } from './tree-changes.ts';

export interface FoundChanges {
  files: ChangedFile[];
  forbidden: { path: string; why: string }[];
  protected: { path: string; why: string; boundary: boolean }[];
  risky: Risk[];
  /** What `git apply` takes, in this repository if it has large binary files; the same bytes for the same two trees, whatever the user's configuration says. */
  patch: Buffer;
  patchSha256: string;
}

/** From here on a file counts as binary, and a patch names it without its bytes. */
const LARGE_BYTES = 16 * 1024 * 1024;

const PATCH_FLAGS = [
  '--full-index',
  '--no-ext-diff',
  '--no-textconv',
  '--no-renames',
  '--no-color',
  '--no-relative',
  '--src-prefix=a/',
  '--dst-prefix=b/',
  '--unified=3',
  '--inter-hunk-context=0',
  '--diff-algorithm=myers',
  '--indent-heuristic',
  '--submodule=short',
  '--ignore-submodules=none',
];

/** `base` and `result` are commits, or names of refs. Throws PanError when one of them is not in the repository any more. */
export async function changesOf(project: Project, host: GitHost, base: string, result: string): Promise<FoundChanges> {
  const areIds = [base, result].every((name) => /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(name));
  const [from, to] = areIds ? [base, result] : await commitsOf(project, host, base, result);
  const [{ changes, rest }, named] = await Promise.all([
    treeChangesWith(project, host, ['--numstat'], from, to),
    patchOf(project, host, [], from, to),
  ]).catch(async (error: unknown) => {
    // A commit that is missing is the better reason.
    await commitsOf(project, host, from, to);
    throw error;
  });
  const ranked = await rankChanges(project, host, changes, to);
  const lines = lineCounts(rest);
  const sizes = await binarySizes(project, host, changes, lines);
  // Without their bytes, `git apply` takes binary files from the repository, by their ids.
  const whole = sizes.size > 0 && [...sizes.values()].every((size) => size <= LARGE_BYTES);
  const patch = whole ? await patchOf(project, host, ['--binary'], from, to) : named;
  const files = ranked.map(({ change, path, rank }) => ({
    path,
    ...(lines.get(change.name) ?? UNCOUNTED),
    class: classOf(rank),
  }));
  const reasons = (wanted: (rank: RankedChange['rank']) => boolean) =>
    ranked
      .filter(({ rank }) => wanted(rank))
      .map(({ path, why, rank }) => ({ path, why, boundary: rank === 'trust-boundary' }));
  return {
    files,
    forbidden: reasons((rank) => rank === 'forbidden').map(({ path, why }) => ({ path, why })),
    protected: reasons((rank) => rank === 'protected' || rank === 'trust-boundary'),
    risky: await risks(project, host, ranked, files, sizes, from),
    patch,
    patchSha256: createHash('sha256').update(patch).digest('hex'),
  };
}

/** As `commitOf`, for two at once; which one is missing is asked only where one is. */
export async function commitsOf(
  project: Project,
  host: GitHost,
  base: string,
  result: string,
): Promise<[string, string]> {
  const names = [`${base}^{commit}`, `${result}^{commit}`];
  const asked = await tryGit(host, ['rev-parse', '--revs-only', '--end-of-options', ...names], { cwd: project.root });
  const ids = asked.stdout.toString('utf8').trim().split('\n');
  if (asked.code === 0 && ids.length === 2) return ids as [string, string];
  return Promise.all([commitOf(project, host, base), commitOf(project, host, result)]);
}

/** The commit a ref or an id names. */
export async function commitOf(project: Project, host: GitHost, name: string): Promise<string> {
  const asked = await tryGit(host, ['rev-parse', '-q', '--verify', '--end-of-options', `${name}^{commit}`], {
    cwd: project.root,
  });
  if (asked.code === 0) return asked.stdout.toString('utf8').trim();
  throw new PanError(
    'no-commit',
    `${name} is not in the repository ${project.root} any more.`,
    'See `pancode salvage` for what is kept of discarded changes; what is not there was pruned or deleted.',
    EXIT.failed,
  );
}

const UNCOUNTED = { added: null, deleted: null };

/** Lines per name; null for binary content. */
function lineCounts(numstat: string[]): Map<string, { added: number | null; deleted: number | null }> {
  return new Map(
    numstat.map((entry) => {
      const [added, deleted, ...name] = entry.split('\t') as [string, string, ...string[]];
      return [name.join('\t'), added === '-' ? UNCOUNTED : { added: Number(added), deleted: Number(deleted) }];
    }),
  );
}

async function risks(
  project: Project,
  host: GitHost,
  ranked: RankedChange[],
  files: ChangedFile[],
  sizes: Map<string, number>,
  base: string,
): Promise<Risk[]> {
  const shapes = ranked.map(({ change, path }, n) => ({
    path,
    added: files[n]?.added ?? null,
    deleted: files[n]?.deleted ?? null,
    removed: change.new === null,
    bytes: change.new ? (sizes.get(change.new.id) ?? null) : null,
  }));
  const removes = shapes.some((shape) => shape.removed);
  const before = removes
    ? splitNul(await git(host, ['ls-tree', '-r', '-z', '--name-only', base], { cwd: project.root })).length
    : 0;
  return riskyShape(shapes, before);
}

function patchOf(project: Project, host: GitHost, flags: string[], from: string, to: string): Promise<Buffer> {
  return git(host, ['--bare', 'diff-tree', '-r', '-p', ...PATCH_FLAGS, ...flags, from, to], plain(project));
}

/** Sizes in bytes of the binary files before and after, by blob id. */
async function binarySizes(
  project: Project,
  host: GitHost,
  changes: TreeChange[],
  lines: ReturnType<typeof lineCounts>,
): Promise<Map<string, number>> {
  const binary = changes.filter((change) => lines.get(change.name)?.added === null);
  const ids = binary.flatMap((change) => [change.old, change.new]).flatMap((blob) => (blob ? [blob.id] : []));
  if (ids.length === 0) return new Map();
  const input = ids.map((id) => `${id}\n`).join('');
  const out = await git(host, ['cat-file', '--batch-check=%(objectname) %(objectsize)'], { cwd: project.root, input });
  const answers = out.toString('utf8').trim().split('\n');
  return new Map(answers.map((line) => [line.split(' ')[0] as string, Number(line.split(' ')[1])]));
}
