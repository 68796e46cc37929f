/** The brief: a deterministic snapshot of a project as the first thing an agent reads. Pure formatting of collected facts. */
import type { ProjectCommands } from './verify-command.ts';

export interface BriefFacts {
  /** Branch name; null = detached or no git. */
  branch: string | null;
  /** Short commit id; null = no commit yet or no git. */
  head: string | null;
  git: boolean;
  /** Two status letters and path, sorted; null = unknown. */
  status: { code: string; path: string }[] | null;
  /** Paths relative to the project, `/` between parts; null = unknown. `truncated`: there are more. */
  files: string[] | null;
  truncated: boolean;
  /** First lines of the README; null = none. */
  readme: string | null;
  commands: ProjectCommands;
}

const LANGUAGES: Record<string, string> = {
  ts: 'TypeScript',
  tsx: 'TypeScript',
  mts: 'TypeScript',
  js: 'JavaScript',
  jsx: 'JavaScript',
  mjs: 'JavaScript',
  cjs: 'JavaScript',
  py: 'Python',
  go: 'Go',
  rs: 'Rust',
  java: 'Java',
  kt: 'Kotlin',
  c: 'C',
  h: 'C',
  cc: 'C++',
  cpp: 'C++',
  hpp: 'C++',
  cs: 'C#',
  rb: 'Ruby',
  php: 'PHP',
  swift: 'Swift',
  scala: 'Scala',
  ex: 'Elixir',
  exs: 'Elixir',
  erl: 'Erlang',
  hs: 'Haskell',
  lua: 'Lua',
  sh: 'Shell',
  bash: 'Shell',
  sql: 'SQL',
  html: 'HTML',
  css: 'CSS',
  scss: 'CSS',
  vue: 'Vue',
  svelte: 'Svelte',
  md: 'Markdown',
  dart: 'Dart',
  zig: 'Zig',
  tf: 'Terraform',
  proto: 'Protocol Buffers',
};

/** A name on one line, whatever bytes it was made of. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\u2028\u2029]/gu, '␊');

const SHOWN_STATUS = 20;
const SHOWN_ENTRIES = 40;

export function formatBrief(facts: BriefFacts): string {
  const lines: string[] = [];
  if (!facts.git) lines.push('Git: not a git repository.');
  else
    lines.push(
      `Branch: ${facts.branch === null ? 'none (detached)' : oneLine(facts.branch)}${facts.head ? ` at ${facts.head}` : ', no commit yet'}`,
    );
  if (facts.git) lines.push(...statusLines(facts.status));
  if (facts.files !== null) {
    lines.push(`Files: ${facts.files.length}${facts.truncated ? ' or more' : ''}`);
    const languages = languageLine(facts.files);
    if (languages) lines.push(`Languages (files): ${languages}`);
    lines.push('Layout:', ...layoutLines(facts.files));
  }
  const { test, build, lint } = facts.commands;
  const commands = [test && `test \`${test}\``, build && `build \`${build}\``, lint && `lint \`${lint}\``].filter(
    Boolean,
  );
  lines.push(
    `Commands: ${commands.length > 0 ? commands.map((one) => oneLine(String(one))).join(', ') : 'none found'}`,
  );
  if (facts.readme !== null && facts.readme.trim() !== '')
    lines.push(
      'README (its head):',
      ...facts.readme
        .trim()
        .split(/\r?\n/)
        .map((line) => `  ${line}`.trimEnd()),
    );
  return lines.join('\n');
}

function statusLines(status: BriefFacts['status']): string[] {
  if (status === null) return ['Uncommitted changes: unknown (git did not answer in time).'];
  if (status.length === 0) return ['Uncommitted changes: none.'];
  const shown = status.slice(0, SHOWN_STATUS).map(({ code, path }) => `  ${code} ${oneLine(path)}`);
  if (status.length > SHOWN_STATUS) shown.push(`  … and ${status.length - SHOWN_STATUS} more`);
  return [`Uncommitted changes: ${status.length}`, ...shown];
}

function languageLine(files: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const file of files) {
    const language = LANGUAGES[file.slice(file.lastIndexOf('.') + 1).toLowerCase()];
    if (language) counts.set(language, (counts.get(language) ?? 0) + 1);
  }
  return [...counts]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .slice(0, 6)
    .map(([language, count]) => `${language} ${count}`)
    .join(', ');
}

/** Every file of a small project; of a large one its top directories with counts, then its top files. */
function layoutLines(files: readonly string[]): string[] {
  const sorted = [...files].sort();
  if (sorted.length <= SHOWN_ENTRIES) return sorted.map((file) => `  ${oneLine(file)}`);
  const directories = new Map<string, number>();
  const top: string[] = [];
  for (const file of sorted) {
    const parts = file.split('/');
    if (parts.length === 1) top.push(file);
    for (const depth of [1, 2])
      if (parts.length > depth) {
        const directory = `${parts.slice(0, depth).join('/')}/`;
        directories.set(directory, (directories.get(directory) ?? 0) + 1);
      }
  }
  const first = [...directories].filter(([directory]) => directory.indexOf('/') === directory.length - 1);
  // The second level is shown only where there is room for all of it.
  const chosen = directories.size + top.length <= SHOWN_ENTRIES ? [...directories] : first;
  const lines = [...chosen.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, n]) => `${name} (${n})`), ...top];
  const shown = lines.slice(0, SHOWN_ENTRIES).map((line) => `  ${oneLine(line)}`);
  if (lines.length > SHOWN_ENTRIES) shown.push(`  … and ${lines.length - SHOWN_ENTRIES} more`);
  return shown;
}
