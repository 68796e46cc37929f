/** Brings what an agent left in its copy into `refs/pancode/<id>/result`. The copy is hostile input: git reads it inside a sandbox only. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { formatConfig, objectDirsInside, objectList, PLAIN_FILES, pristineIndex, writeGitDirectory } from './copy.ts';
import { userExcludes } from './excludes.ts';
import { type GitHost, git, gitLine, lastLine, splitNul } from './git.ts';
import { gitFormOf } from './git-form.ts';
import { HARVEST_SCRIPT, RESULT_MESSAGE } from './harvest-script.ts';
import type { Project } from './inspect.ts';
import { quoteForGit } from './quote.ts';
import { commitsRef, resultRef } from './refs.ts';
import { removeTree } from './remove.ts';
import { together } from './several.ts';
import { copyIndex, RECORD_IDENTITY } from './snapshot.ts';
import { filterNames } from './user-form.ts';

export interface HarvestPlace {
  id: string;
  /** The snapshot the copy was made from. */
  base: string;
  copy: string;
  /** Private directory. */
  outDir: string;
  /** There is no sandbox: the command runs on the host, and everything is at its real path. */
  unsandboxed?: boolean;
}

export interface HarvestOptions extends HarvestPlace {
  /** Gives the waiting command of `prepareHarvest` its line; resolves at its end. Called once. */
  run(line: string): Promise<{ code: number | null; stderr: string }>;
}

export interface Harvest {
  /** null: the tree is the base's. Its only parent is the base. */
  commit: string | null;
  tree: string;
  /** How many files differ from the base. */
  files: number;
  /** What is in the copy but not in the result: new ignored files, embedded repositories, what git could not read. Directories end in "/". */
  ignored: string[];
  /** Repositories the agent made inside its copy; also in `ignored`. */
  embedded: string[];
  /** Refs of commits the agent made itself. */
  commits: string[];
}

/**
 * Empties the output directory and gives the command that reads the copy. It is to be started where the copy is read-only at the project's
 * path, the object directories are at `objectsInside(n)`, and `outDir` is writable at /run/pancode/out; without network, with the PATH of
 * `pathWithoutProject`. It looks at nothing before it has a line on its standard input, so it may be started while the agent still works.
 */
export function prepareHarvest(project: Project, host: GitHost, place: HarvestPlace): string[] {
  removeTree(place.outDir);
  fs.mkdirSync(place.outDir, { recursive: true, mode: 0o700 });
  const tree = place.unsandboxed ? place.copy : project.root;
  const out = place.unsandboxed ? place.outDir : '/run/pancode/out';
  const length = project.objectFormat === 'sha1' ? '40' : '64';
  const theirs = quoteForGit(path.join(tree, '.git', 'objects'));
  const words = [programOf(project, host), tree, out, place.base, theirs, length];
  return ['/bin/sh', '-c', HARVEST_SCRIPT, 'harvest', ...words];
}

/**
 * Needs the agent's processes to be gone and the command to wait. Rejects when the result could not be kept; the copy is then all there is,
 * and it can be harvested again.
 */
export async function harvest(project: Project, host: GitHost, options: HarvestOptions): Promise<Harvest> {
  const { copy } = options;
  const [removed, filters] = await together([
    makeReadable(copy, host),
    filterNames(project, host),
    makeDirectory(project, host, options),
  ]);
  const date = `${Math.floor(Date.now() / 1_000)} +0000`;
  const ran = await options.run(date);
  if (ran.code !== 0)
    throw new Error(`the harvest ended with ${ran.code}: ${lastLine(ran.stderr) || 'no reason given'}`);
  const found = await take(project, host, options, { removed, date, filters });
  // Should the copy be harvested once more: of a sparse checkout nothing else knows which files were never there.
  if (!project.sparse) fs.rmSync(pristineIndex(copy), { force: true });
  return found;
}

/** Reads what the script wrote and takes its objects over, every one of them checked. No branch of the user's is ever moved. */
async function take(
  project: Project,
  host: GitHost,
  options: HarvestPlace,
  { removed, date, filters }: { removed: string[]; date: string; filters: ReadonlySet<string> },
): Promise<Harvest> {
  const at = { cwd: project.root };
  const file = (name: string) => path.join(options.outDir, name);
  const has = (name: string) => fs.lstatSync(file(name), { throwIfNoEntry: false })?.isFile() === true;
  const read = (name: string) => {
    if (!has(name)) throw new Error(`the harvest left no file ${name}`);
    return fs.readFileSync(file(name));
  };
  const tree = read('tree').toString('utf8').trim();
  const commit = has('result.pack') ? commitId(project, tree, options.base, date) : null;
  const filled = splitNul(read('submodules')).map((entry) => entry.slice(entry.indexOf('\t') + 1));
  const foreign = [...splitNul(read('embedded')), ...filled.filter((name) => holdsSomething(options.copy, name))];
  const embedded = foreign.map((name) => (name.endsWith('/') ? name : `${name}/`));
  const ignored = [...splitNul(read('ignored')), ...embedded, ...splitNul(read('unread')), ...removed];
  const harvested: Harvest = { commit, tree, files: 0, ignored: [...new Set(ignored)].sort(), embedded, commits: [] };
  if (commit !== null) {
    await importPack(project, host, file('result.pack'));
    const form = { base: options.base, commit, copy: options.copy, index: file('form-index') };
    const cleaned = await gitFormOf(project, host, filters, form);
    if (cleaned !== null) Object.assign(harvested, await record(project, host, options.base, cleaned, date));
  }
  if (harvested.commit !== null) {
    const { commit } = harvested;
    // git refuses a ref to what the pack did not bring.
    const [changed] = await together([
      git(host, ['diff-tree', '-r', '-z', '--name-only', '--no-renames', options.base, commit], at),
      git(host, ['update-ref', resultRef(options.id), commit], at),
    ]);
    harvested.files = splitNul(changed).length;
  }
  if (has('commits.pack')) {
    const tips = read('tips').toString('utf8').trim().split('\n');
    harvested.commits = await importCommits(project, host, file('commits.pack'), tips, options.id);
  }
  return harvested;
}

/** Whether there is anything in a directory of the copy, looking at the directory itself and never through its links. */
function holdsSomething(copy: string, name: string): boolean {
  let dir = copy;
  for (const part of name.split('/')) {
    dir = path.join(dir, part);
    if (!fs.lstatSync(dir, { throwIfNoEntry: false })?.isDirectory()) return false;
  }
  return fs.readdirSync(dir).length > 0;
}

/** A result of a tree that is not the script's; none where it is the base's. */
async function record(
  project: Project,
  host: GitHost,
  base: string,
  tree: string,
  date: string,
): Promise<Pick<Harvest, 'commit' | 'tree'>> {
  const at = { cwd: project.root };
  if (tree === (await gitLine(host, ['rev-parse', `${base}^{tree}`], at))) return { commit: null, tree };
  const env = { ...RECORD_IDENTITY, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
  return { commit: await gitLine(host, ['commit-tree', tree, '-p', base, '-m', RESULT_MESSAGE], { ...at, env }), tree };
}

/** The id of the only commit that may become a result: this tree on this base, made by us at that time. */
function commitId(project: Project, tree: string, base: string, date: string): string {
  const { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email } = RECORD_IDENTITY;
  const who = `${name} <${email}> ${date}`;
  const text = `tree ${tree}\nparent ${base}\nauthor ${who}\ncommitter ${who}\n\n${RESULT_MESSAGE}\n`;
  return createHash(project.objectFormat).update(`commit ${text.length}\0${text}`).digest('hex');
}

async function importCommits(
  project: Project,
  host: GitHost,
  pack: string,
  tips: string[],
  id: string,
): Promise<string[]> {
  try {
    await importPack(project, host, pack);
  } catch {
    // History the agent forged may not pass the check of its objects. The tree, which is the result, is kept already.
    return [];
  }
  const refs = tips.map((_, n) => `${commitsRef(id)}/${n + 1}`);
  const input = tips.map((tip, n) => `update ${refs[n]} ${tip}\n`).join('');
  await git(host, ['update-ref', '--stdin'], { cwd: project.root, input });
  return refs;
}

/** What fsck says about these files is the apply gate's to judge: refusing the import would lose the rest of the work. */
const ONLY_CLASSED = [
  'gitmodulesName',
  'gitmodulesUrl',
  'gitmodulesPath',
  'gitmodulesUpdate',
  'gitmodulesSymlink',
  'gitmodulesBlob',
  'gitmodulesLarge',
  'gitattributesLarge',
  'gitattributesLineLength',
  'gitattributesBlob',
]
  .map((check) => `${check}=warn`)
  .join(',');

/** Adds a pack, with every object and every link between them checked. (`git fetch` of a bundle checks neither before git 2.46.) */
async function importPack(project: Project, host: GitHost, pack: string): Promise<void> {
  // A partial clone need not have what the pack refers to: objects are checked, links are not.
  const check = project.partial ? '--fsck-objects' : `--strict=${ONLY_CLASSED}`;
  await git(host, ['index-pack', '--stdin', '--fix-thin', check], {
    cwd: project.root,
    inputFile: pack,
    config: ['core.bigFileThreshold=16m'],
  });
}

/**
 * The git directory that reads the copy. The index of the untouched copy spares reading files that have not changed; where it is gone, the
 * base's tree does.
 */
async function makeDirectory(project: Project, host: GitHost, options: HarvestPlace): Promise<void> {
  const gitDir = path.join(options.outDir, 'git');
  writeGitDirectory(project, gitDir, {
    HEAD: 'ref: refs/heads/none\n',
    config: harvestConfig(project),
    'info/exclude': userExcludes(project),
    'objects/info/alternates': objectList(options.unsandboxed ? project.objectDirs : objectDirsInside(project)),
  });
  const index = path.join(gitDir, 'index');
  copyIndex(pristineIndex(options.copy), index);
  if (project.sparse) copyIndex(pristineIndex(options.copy), `${index}.first`);
  if (fs.existsSync(index)) return;
  if (project.sparse) throw new Error(`the index of the sparse copy, ${pristineIndex(options.copy)}, is gone`);
  await git(host, ['read-tree', options.base], { cwd: project.root, env: { GIT_INDEX_FILE: index } });
}

/**
 * git cannot read what the agent took the permission from, and waits for ever on a fifo named .gitignore: permissions are opened, and
 * fifos, sockets and devices, which hold no content, are removed. Returns their names. Nothing is executed, no link is followed.
 */
function makeReadable(copy: string, host: GitHost): Promise<string[]> {
  const closed = ['(', '-type', 'd', '!', '-perm', '-700', '-o', '-type', 'f', '!', '-perm', '-400', ')'];
  const open = [...closed, '-exec', 'chmod', 'u+rwX', '{}', ';'];
  const special = ['!', '-type', 'd', '!', '-type', 'f', '!', '-type', 'l', '-print0', '-exec', 'rm', '-f', '{}', ';'];
  return new Promise((resolve, reject) =>
    execFile(
      'find',
      ['-P', copy, ...open, '-o', ...special],
      { env: { PATH: host.path, LC_ALL: 'C' }, maxBuffer: 1 << 24, encoding: 'buffer' },
      (error, stdout, stderr) => {
        // What it could not open it names, and git will name it again.
        if (error && stderr.length === 0) return reject(error);
        resolve(splitNul(stdout).map((file) => path.relative(copy, file)));
      },
    ),
  );
}

function harvestConfig(project: Project): string {
  const core = [
    ...PLAIN_FILES,
    'core.fsmonitor=false',
    'core.hooksPath=/dev/null',
    'core.excludesFile=/dev/null',
    // Names that are .git on another file system: refused here, one by one, and not the whole result when it is taken over.
    'core.protectHFS=true',
    'core.protectNTFS=true',
    'gc.auto=0',
    // A file of 300 MB is written piece by piece, and not compared with others: 3 s and not 10.
    'core.bigFileThreshold=16m',
    'pack.compression=1',
  ]
    .map((setting) => setting.split(/[.=]/) as [string, string, string])
    .map(([section, name, value]) => `[${section}]\n\t${name} = ${value}\n`);
  const { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email } = RECORD_IDENTITY;
  // Without patterns beside it, a file of a sparse checkout that is there after all counts, and one that is not there is not missed.
  if (project.sparse) core.push('[core]\n\tsparseCheckout = true\n');
  return `${formatConfig(project)}${core.join('')}[user]\n\tname = ${name}\n\temail = ${email}\n`;
}

/**
 * The user's PATH without directories of the project: where the copy is mounted in its place, the agent may have written what is in them.
 * It is the PATH of the harvest.
 */
export function pathWithoutProject(project: Pick<Project, 'root'>, host: GitHost): string {
  const outside = (dir: string) => {
    if (!path.isAbsolute(dir) || !fs.existsSync(dir)) return false;
    return [path.resolve(dir), fs.realpathSync(dir)].every((place) => !`${place}/`.startsWith(`${project.root}/`));
  };
  return host.path.split(':').filter(outside).join(':');
}

/** The user's git. */
function programOf(project: Project, host: GitHost): string {
  const files = pathWithoutProject(project, host)
    .split(':')
    .map((dir) => path.join(dir, 'git'));
  return files.find((file) => path.isAbsolute(file) && fs.existsSync(file)) ?? '/usr/bin/git';
}
