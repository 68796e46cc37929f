/** Sparse checkouts: a copy has the same part of the tree, and nothing is written outside of it. */
import fs from 'node:fs';
import path from 'node:path';
import { type GitHost, git, splitNul } from './git.ts';
import type { Project } from './inspect.ts';
import { type Name, onDisk, textOf } from './names.ts';
import { conflict } from './prepare.ts';

const PATTERNS = 'info/sparse-checkout';

/**
 * Of `names`, those outside of the chosen part; none where all of the tree is checked out. `index`: a file that is made and removed.
 * The patterns have the rules of .gitignore, in cone mode too, so git itself says which names of an index they choose.
 */
export async function outsideSparse(project: Project, host: GitHost, names: Name[], index: string): Promise<Set<Name>> {
  const patterns = path.join(project.gitDir, PATTERNS);
  if (project.sparse === null || names.length === 0 || !fs.existsSync(patterns)) return new Set();
  const at = { cwd: project.root, env: { GIT_INDEX_FILE: index }, config: ['index.sparse=false'] };
  // Any object will do: nobody looks at it.
  const id = '1'.repeat(project.objectFormat === 'sha1' ? 40 : 64);
  try {
    const input = Buffer.from(names.map((name) => `100644 ${id}\t${name}\0`).join(''), 'latin1');
    await git(host, ['update-index', '-z', '--index-info'], { ...at, input });
    const inside = new Set(splitNul(await git(host, ['ls-files', '-c', '-i', '-X', patterns, '-z'], at), 'latin1'));
    return new Set(names.filter((name) => !inside.has(name)));
  } finally {
    fs.rmSync(index, { force: true });
  }
}

/** Throws PanError `conflict` where one of `names` is outside and the user does not have it anyway. `index`: as above. */
export async function refuseOutside(project: Project, host: GitHost, names: Name[], index: string): Promise<void> {
  if (project.sparse === null) return;
  const absent = names.filter((name) => !fs.lstatSync(onDisk(project.root, name), { throwIfNoEntry: false }));
  const [first] = await outsideSparse(project, host, absent, index);
  if (first === undefined) return;
  const dir = path.posix.dirname(textOf(first));
  throw conflict(`${textOf(first)} is outside of your sparse checkout: \`git sparse-checkout add ${dir}\` lets it in.`);
}

/** Configuration of a git directory of ours, so that a checkout there has the same part. */
export function sparseConfig(project: Project): string {
  if (project.sparse === null) return '';
  const { cone } = project.sparse;
  return `[core]\n\tsparseCheckout = true\n${cone === null ? '' : `\tsparseCheckoutCone = ${cone}\n`}`;
}

/** Files of such a directory, by name. */
export function sparseFiles(project: Project): Record<string, string> {
  const patterns = path.join(project.gitDir, PATTERNS);
  if (project.sparse === null || !fs.existsSync(patterns)) return {};
  return { [PATTERNS]: fs.readFileSync(patterns, 'utf8') };
}
