/** What kind of path a change touches (safety-design §6.4). Pure: path, modes and a few facts about content in, class and reason out. */
import type { PathClass } from '../../protocol/words.ts';

/** Trust-boundary paths are protected ones that ask at every safety level. */
export type PathRank = 'ordinary' | 'protected' | 'trust-boundary' | 'forbidden';

/** One changed path as git's tree says it. Modes are git's octal text (`100644`), null where the path is not there. */
export interface PathChange {
  path: string;
  oldMode: string | null;
  newMode: string | null;
  /** The new symbolic link: its target, and where that leads through the other links of the tree (`followLink`); null where it is none. */
  link: { target: string; reaches: string | null } | null;
  /** Old and new text of the few files whose content decides (see `contentMatters`); null where absent or not asked for. */
  oldText: string | null;
  newText: string | null;
}

export interface RankedPath {
  rank: PathRank;
  /** Why, for a person; empty for ordinary paths. */
  why: string;
}

export function classOf(rank: PathRank): PathClass {
  return rank === 'trust-boundary' ? 'protected' : rank;
}

const DIRECTORY_RULES: { parts: string[]; rank: 'protected' | 'trust-boundary'; why: string }[] = [
  ...['.claude', '.codex', '.gemini', '.opencode', '.pancode', '.cursor'].map((name) =>
    boundary([name], 'configures coding agents'),
  ),
  ...['.vscode', '.idea', '.devcontainer'].map((name) => boundary([name], 'configures an editor, which may run it')),
  ...['.husky', '.githooks'].map((name) => boundary([name], 'runs on git commands')),
  ...[['.github', 'workflows'], ['.circleci']].map((parts) => boundary(parts, 'runs in CI with its secrets')),
  ...[['.github'], ['.ci'], ['ci'], ['.buildkite'], ['.woodpecker'], ['.gitlab']].map((parts) => ({
    parts,
    rank: 'protected' as const,
    why: 'is close to CI',
  })),
];

const NAME_RULES: { name: RegExp; rank: 'protected' | 'trust-boundary'; why: string }[] = [
  { name: /^(\.mcp\.json|opencode\.json.*)$/, rank: 'trust-boundary', why: 'configures coding agents' },
  {
    name: /^(agents|claude|gemini)(\.local|\.override)?\.md$/,
    rank: 'trust-boundary',
    why: 'instructs every later agent',
  },
  { name: /\.code-workspace$/, rank: 'trust-boundary', why: 'configures an editor, which may run it' },
  {
    name: /^(\.pre-commit-config\.ya?ml|\.?lefthook(-local)?\.y.*ml)$/,
    rank: 'trust-boundary',
    why: 'runs on git commands',
  },
  // With `objects` and `refs` beside it git takes the directory for a bare repository, and runs what the file `config` there names.
  { name: /^head$/, rank: 'trust-boundary', why: 'makes its directory a git repository' },
  { name: /^\.gitmodules$/, rank: 'trust-boundary', why: 'names repositories git fetches' },
  {
    name: /^(\.envrc|\.tool-versions|\.?mise(\.local)?\.toml)$/,
    rank: 'trust-boundary',
    why: 'is run by shells that enter the directory',
  },
  { name: /^(\.gitlab-ci\.yml|jenkinsfile)$/, rank: 'trust-boundary', why: 'runs in CI with its secrets' },
  { name: /^(makefile|gnumakefile)$/, rank: 'protected', why: 'is run by builds' },
  { name: /(\.lock|[-.]lock\.(json|ya?ml)|\.lockb|\.lockfile)$/, rank: 'protected', why: 'is a lock file' },
  { name: /^(npm-shrinkwrap\.json|go\.sum|package\.resolved)$/, rank: 'protected', why: 'is a lock file' },
  {
    name: /^(azure-pipelines\.ya?ml|bitbucket-pipelines\.ya?ml|\.travis\.yml|appveyor\.yml|\.drone\.yml)$/,
    rank: 'protected',
    why: 'is close to CI',
  },
];

/** Class of one changed path, matched at any depth; the strictest rule wins. */
export function rankPath(change: PathChange): RankedPath {
  const forbidden = forbiddenReason(change);
  if (forbidden !== null) return { rank: 'forbidden', why: forbidden };
  const parts = change.path.split('/').map(foldName);
  const name = parts.at(-1) ?? '';
  const found = [
    ...DIRECTORY_RULES.filter((rule) => holds(parts.slice(0, -1), rule.parts) || holds(parts, rule.parts)),
    ...NAME_RULES.filter((rule) => rule.name.test(name)),
    ...byContent(name, change),
    ...(parts.some((part, at) => part === '.github' && parts[at + 1]?.startsWith('copilot'))
      ? [boundary([], 'configures coding agents')]
      : []),
    ...(isExecutable(change.newMode) && !isExecutable(change.oldMode)
      ? [{ rank: 'protected' as const, why: 'becomes executable' }]
      : []),
  ];
  const strictest = found.find((rule) => rule.rank === 'trust-boundary') ?? found[0];
  return strictest ? { rank: strictest.rank, why: strictest.why } : { rank: 'ordinary', why: '' };
}

/** Files whose text has to be known before they can be classed. */
export function contentMatters(path: string): boolean {
  return ['.gitattributes', '.gitmodules', 'package.json'].includes(foldName(path.split('/').at(-1) ?? ''));
}

/**
 * A name as the least careful file system would take it: composed, without letters nobody sees, without case, and without the dots and
 * spaces Windows drops at the end.
 */
export function foldName(name: string): string {
  return name
    .normalize('NFC')
    .replace(/[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g, '')
    .toLowerCase()
    .normalize('NFC')
    .replace(/[. ]+$/, '');
}

function forbiddenReason(change: PathChange): string | null {
  const { path, newMode, link } = change;
  if (path.includes('\ufffd')) return 'its name is not valid text';
  if (path === '' || path.startsWith('/')) return 'it is not a path inside the project';
  const parts = path.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..')) return 'it is not a path inside the project';
  // A name that is there already is the user's own.
  if (change.oldMode === null && parts.some((part) => part.includes(':')))
    return 'its name holds a colon, which is a stream on Windows';
  // Where a backslash separates names too.
  const names = path.split(/[/\\]/);
  if (names.some(isGitDirectoryName)) return 'it is inside a git directory';
  if (names.includes('..')) return 'it is not a path inside the project';
  if (newMode !== null && !['100644', '100755', '120000'].includes(newMode))
    return 'it is neither a file nor a symbolic link';
  if (newMode === '120000') return forbiddenLink(parts, link);
  if (foldName(parts.at(-1) ?? '') === '.gitmodules' && hasUnsafeSubmodule(change.newText))
    return 'it names a submodule that would run a command';
  return null;
}

function forbiddenLink(parts: string[], link: PathChange['link']): string | null {
  if (link === null || link.target === '') return 'it is a symbolic link to nowhere';
  if (/^([/\\]|[a-z]:)/i.test(link.target)) return 'it is a symbolic link to an absolute path';
  const name = foldName(parts.at(-1) ?? '');
  if (['.gitmodules', '.gitattributes', '.gitignore'].includes(name))
    return 'git reads this file, and it is a symbolic link';
  const plainly = parts.slice(0, -1);
  for (const part of link.target.split(/[/\\]/)) {
    if (part === '..') {
      if (plainly.pop() === undefined) return 'it is a symbolic link that leaves the project';
    } else if (part !== '' && part !== '.') plainly.push(part);
  }
  if (link.reaches === null) return 'it is a symbolic link that leaves the project through another one, or never ends';
  return [...plainly, ...link.reaches.split('/')].some(isGitDirectoryName)
    ? 'it is a symbolic link into a git directory'
    : null;
}

function isGitDirectoryName(part: string): boolean {
  const folded = foldName(part);
  return folded === '.git' || /^git~\d+$/.test(folded);
}

function byContent(name: string, change: PathChange): { rank: 'protected' | 'trust-boundary'; why: string }[] {
  if (name === '.gitattributes')
    return drivers(change.newText) !== drivers(change.oldText)
      ? [boundary([], 'sets git drivers, which run commands')]
      : [];
  if (name === 'package.json' && scriptsOf(change.oldText) !== scriptsOf(change.newText))
    return [{ rank: 'protected', why: 'changes package scripts' }];
  return [];
}

/** The lines that set a filter, diff or merge driver. */
function drivers(text: string | null): string {
  return (text ?? '')
    .split('\n')
    .filter((line) => /(^|\s)[-!]?(filter|diff|merge)(=|\s|$)/.test(line) || /^\s*\[attr\]/.test(line))
    .join('\n');
}

/** Canonical text of the `scripts` of a package; what cannot be parsed counts as its own scripts. */
function scriptsOf(text: string | null): string {
  if (text === null) return '{}';
  try {
    const parsed: unknown = JSON.parse(text);
    const scripts = (parsed as { scripts?: unknown } | null)?.scripts ?? {};
    return JSON.stringify(scripts);
  } catch {
    return text; // not JSON: any change of it counts
  }
}

/** git runs what a URL of this form says, and takes a value that starts with a dash for an option. */
function hasUnsafeSubmodule(text: string | null): boolean {
  const plain = (text ?? '').replace(/\\\r?\n/g, '').replace(/["\\]/g, '');
  return /(^|\])\s*(url|path)\s*=\s*(-|ext::)/im.test(plain);
}

function holds(parts: string[], wanted: string[]): boolean {
  return parts.some((_, at) => wanted.every((name, n) => parts[at + n] === name));
}

function isExecutable(mode: string | null): boolean {
  return mode === '100755';
}

function boundary(parts: string[], why: string) {
  return { parts, rank: 'trust-boundary' as const, why };
}
