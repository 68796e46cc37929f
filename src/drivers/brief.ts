/** Collects what the brief says about a project: two git calls and a few small files, bounded in time and size. */
import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { type BriefFacts, formatBrief } from '../core/brief.ts';
import type { ProjectInstructions } from '../core/prompt.ts';
import { ENDINGS, findCommands, MANIFESTS, MARKERS, type ProjectFiles } from '../core/verify-command.ts';
import { readBounded } from './bounded-read.ts';
import { type GitHost, tryGit } from './workspace/git.ts';

const GIT_MS = 2_000;
const MAX_FILES = 20_000;
const README_BYTES = 1_500;
const INSTRUCTION_BYTES = 256 * 1024;

export interface ProjectFacts {
  brief: string;
  /** AGENTS.md and CLAUDE.md, outermost first; the same text only once. */
  instructions: ProjectInstructions[];
  files: ProjectFiles;
}

type GitPlace = GitHost & { root: string };

/** `root` and `cwd`: absolute real paths, `cwd` in `root`. Never throws for what it finds; what is not known says so. */
export async function collectProject(place: GitPlace & { cwd: string; git: boolean }): Promise<ProjectFacts> {
  const names = await readdir(place.root).catch(() => [] as string[]);
  const [status, listed, files, readme, instructions] = await Promise.all([
    place.git ? gitStatus(place) : null,
    place.git ? gitFiles(place) : walk(place.root),
    projectFiles(place.root, names),
    readmeHead(place.root, names),
    projectInstructions(place.root, place.cwd),
  ]);
  const facts: BriefFacts = {
    git: place.git,
    branch: status?.branch ?? null,
    head: status?.head ?? null,
    status: status?.changes ?? null,
    files: listed?.slice(0, MAX_FILES) ?? null,
    truncated: (listed?.length ?? 0) > MAX_FILES,
    readme,
    commands: findCommands(files),
  };
  return { brief: formatBrief(facts), instructions, files };
}

/** Manifests and lock files of a directory, for finding the check command. */
export async function projectFiles(root: string, known?: string[]): Promise<ProjectFiles> {
  const names = new Set(known ?? (await readdir(root).catch(() => [] as string[])));
  const texts: ProjectFiles['texts'] = {};
  await Promise.all(
    MANIFESTS.filter((name) => names.has(name)).map(async (name) => {
      const read = await readBounded(join(root, name), 256 * 1024, root);
      if (read) texts[name] = read.text;
    }),
  );
  const endings = ENDINGS.filter((ending) => [...names].some((name) => name.endsWith(ending))).map(
    (ending) => `*${ending}`,
  );
  return {
    texts,
    present: [...MARKERS.filter((name) => names.has(name)), ...endings],
    pythonTests: await pythonTests(root, names),
  };
}

/** The first file that Python's runners would take for a test, in the usual places. */
async function pythonTests(root: string, names: Set<string>): Promise<ProjectFiles['pythonTests']> {
  for (const dir of ['tests', 'test', '.']) {
    const inside = dir === '.' ? [...names] : names.has(dir) ? await readdir(join(root, dir)).catch(() => []) : [];
    const first = inside.filter((name) => /^test_.*\.py$|^tests\.py$/.test(name)).sort()[0];
    const read = first === undefined ? null : await readBounded(join(root, dir, first), 64 * 1024, root);
    if (read) return { dir, unittest: /^\s*(import|from) unittest\b/m.test(read.text) };
  }
  return null;
}

async function readmeHead(root: string, names: string[]): Promise<string | null> {
  const name = names.filter((one) => /^readme(\.(md|rst|txt|adoc))?$/i.test(one)).sort()[0];
  const read = name === undefined ? null : await readBounded(join(root, name), README_BYTES, root);
  if (read === null) return null;
  // Cut at a line: half a line, or half a character, says nothing.
  return read.cut ? read.text.slice(0, Math.max(read.text.lastIndexOf('\n'), 0)) : read.text;
}

async function projectInstructions(root: string, cwd: string): Promise<ProjectInstructions[]> {
  const inner = relative(root, cwd);
  const parts = inner === '' || inner.startsWith('..') ? [] : inner.split(sep);
  const found: ProjectInstructions[] = [];
  for (let depth = 0; depth <= parts.length; depth++)
    for (const name of ['AGENTS.md', 'CLAUDE.md']) {
      const path = [...parts.slice(0, depth), name].join('/');
      const read = await readBounded(join(root, path), INSTRUCTION_BYTES, root);
      if (read === null || found.some((one) => one.text === read.text)) continue;
      found.push({
        path,
        text: read.cut ? `${read.text}\n[cut by PanCode: the file is larger than 256 kB]` : read.text,
      });
    }
  return found;
}

/** No git, no answer in time, or not a repository: the brief says "unknown" instead. */
async function git(place: GitPlace, args: string[]): Promise<string | null> {
  const options = { cwd: place.root, config: ['status.relativePaths=false'], timeoutMs: GIT_MS };
  const answer = await tryGit(place, args, options).catch(() => null);
  return answer?.code === 0 ? answer.stdout.toString('utf8') : null;
}

async function gitStatus(
  place: GitPlace,
): Promise<{ branch: string | null; head: string | null; changes: { code: string; path: string }[] } | null> {
  const text = await git(place, [
    'status',
    '--porcelain=v2',
    '--branch',
    '-z',
    '--ignore-submodules=all',
    '--untracked-files=normal',
  ]);
  if (text === null) return null;
  let branch: string | null = null;
  let head: string | null = null;
  const changes: { code: string; path: string }[] = [];
  const records = text.split('\0');
  for (let i = 0; i < records.length; i++) {
    const record = records[i]!;
    if (record.startsWith('# branch.head ')) branch = record.slice(14) === '(detached)' ? null : record.slice(14);
    else if (record.startsWith('# branch.oid ')) head = record.slice(13) === '(initial)' ? null : record.slice(13, 25);
    else if (record.startsWith('1 ')) changes.push({ code: record.slice(2, 4), path: fieldsAfter(record, 8) });
    else if (record.startsWith('2 ')) {
      changes.push({ code: record.slice(2, 4), path: fieldsAfter(record, 9) });
      // The name a renamed file had before is a record of its own.
      i++;
    } else if (record.startsWith('u ')) changes.push({ code: record.slice(2, 4), path: fieldsAfter(record, 10) });
    else if (record.startsWith('? ')) changes.push({ code: '??', path: record.slice(2) });
  }
  return { branch, head, changes: changes.sort((a, b) => (a.path < b.path ? -1 : 1)) };
}

/** The rest of a record after `n` fields, blanks in it kept. */
function fieldsAfter(record: string, n: number): string {
  return record.split(' ').slice(n).join(' ');
}

async function gitFiles(place: GitPlace): Promise<string[] | null> {
  const text = await git(place, ['ls-files', '-z', '--cached', '--others', '--exclude-standard']);
  return text === null ? null : [...new Set(text.split('\0').filter((name) => name !== ''))].sort();
}

const NOT_SHOWN = new Set(['.git', 'node_modules', '.venv', 'vendor', 'dist', 'target', '__pycache__']);

/** Without git: the first thousand files, nearest to the top first. */
async function walk(root: string): Promise<string[]> {
  const files: string[] = [];
  const queue = [''];
  for (let i = 0; i < queue.length && i < 200 && files.length < 1_000; i++) {
    const entries = await readdir(join(root, queue[i]!), { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const path = queue[i] === '' ? entry.name : `${queue[i]}/${entry.name}`;
      if (entry.isDirectory() && !NOT_SHOWN.has(entry.name)) queue.push(path);
      else if (entry.isFile()) files.push(path);
    }
  }
  return files.sort();
}
