/** Copies that build: real toolchains run a project's own tests inside, without network. What is not installed is skipped, and says so. */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { BoxParts } from '../../src/control/box.ts';
import { runCommand } from '../../src/control/command.ts';
import { equip } from '../../src/control/equip.ts';
import { dispatchPlaces } from '../../src/core/places.ts';
import { createCopy } from '../../src/drivers/workspace/copy.ts';
import { inspectProject } from '../../src/drivers/workspace/inspect.ts';
import { takeSnapshot } from '../../src/drivers/workspace/snapshot.ts';
import type { Job } from '../../src/protocol/job.ts';
import { pictureOf } from '../drivers/workspace/user-repository.ts';
import { processesOf } from '../fixtures/pancode.ts';
import { testJob } from '../fixtures/run-host.ts';
import { tempDir } from '../fixtures/temp.ts';
import { until } from '../fixtures/workers.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const ALL = tempDir();
const picture = (dir: string) => pictureOf(dir, (name) => name === '.git/objects' || name === '.git/refs/pancode');
let number = 0;

interface Yard {
  home: string;
  project: string;
  write(name: string, text: string, mode?: number): void;
  env: Record<string, string>;
  commit(): void;
  /** Makes the copy, gives it what it needs, and runs a command in it. */
  run(command: string, workspace?: Partial<Job['workspace']>, stop?: AbortSignal): Promise<Ran>;
}

interface Ran {
  code: number | null;
  out: string;
  notices: string[];
  copied: string[];
  /** Below the home inside, on the host. */
  copy: string;
}

/** `dirs`: put before PATH. */
function yard(dirs: string[] = []): Yard {
  const top = fs.mkdtempSync(path.join(ALL, 'yard '));
  const home = path.join(top, 'home');
  const project = path.join(home, 'my project');
  fs.mkdirSync(project, { recursive: true });
  const PATH = [...dirs, process.env.PATH].join(':');
  const env = { PATH, HOME: home, LC_ALL: 'C.UTF-8', GIT_CONFIG_NOSYSTEM: '1' };
  const git = (...args: string[]) => execFileSync('git', args, { cwd: project, env, stdio: 'pipe' });
  const write = (name: string, text: string, mode = 0o644) => {
    fs.mkdirSync(path.dirname(path.join(project, name)), { recursive: true });
    fs.writeFileSync(path.join(project, name), text, { mode });
  };
  git('init', '-q', '-b', 'main');
  return {
    ...{ home, project, write, env },
    commit() {
      git('add', '-A');
      git('-c', 'user.name=u', '-c', 'user.email=u@x', 'commit', '-qm', 'first');
    },
    async run(command, workspace = {}, signal = new AbortController().signal) {
      const id = `BUILD-${process.pid}-${number++}`;
      const places = dispatchPlaces(path.join(top, 'state'), id);
      fs.mkdirSync(places.dir, { recursive: true });
      const host = { home, path: PATH };
      const found = await inspectProject(project, host);
      const limits = { maxFileMb: 10, maxTotalMb: 10 };
      const before = picture(project);
      const base = await takeSnapshot(found, host, { id, scratchDir: places.scratch, from: null, ...limits });
      await createCopy(found, host, { id, commit: base.commit, dir: places.copy });
      const job = testJob(found.root, {
        ...{ id, env: { path: PATH, home, pass: [] } },
        workspace: { share: ['node_modules', '.venv', 'vendor'], copy: [], setup: null, ...limits, ...workspace },
      });
      const notices: string[] = [];
      const copy = { copy: places.copy, list: places.given, inner: [] };
      const place = { job, places, project: found, git: host, commit: base.commit, isUsers: true, ...copy };
      const equipment = await equip(place, parts, (text) => notices.push(text), signal);
      const log = path.join(places.dir, 'log');
      const at = { job, places, project: found, dir: places.copy, home: places.home, shares: equipment.shares, log };
      const code = await runCommand(command, at, parts, signal);
      expect(processesOf(id)).toEqual([]);
      // Whatever a build does, the user's own directories stay as they were.
      expect(picture(project)).toEqual(before);
      return { code, out: fs.readFileSync(log, 'utf8'), notices, copied: equipment.copied, copy: places.copy };
    },
  };
}

const parts: BoxParts = {
  assets: { node: process.execPath, relay: process.execPath, nativeAgent: process.execPath, ripgrepDir: null },
  locale: { LC_ALL: 'C.UTF-8' },
  passed: {},
  hide: [],
};

/** The first directory whose program answers in a home that holds nothing; null: there is none. */
function directoryOf(program: string, question: string, more: string[] = []): string | null {
  const dirs = [...(process.env.PATH ?? '').split(':'), ...more].filter((dir) =>
    fs.existsSync(path.join(dir, program)),
  );
  const answers = (dir: string) => {
    try {
      const env = { HOME: ALL, PATH: '/usr/bin:/bin' };
      execFileSync(path.join(fs.realpathSync(dir), program), [question], { env, stdio: 'pipe' });
      return true;
    } catch {
      return false; // a version manager's stand-in that needs its own home
    }
  };
  const found = dirs.find(answers);
  return found === undefined ? null : fs.realpathSync(found);
}

/** Toolchains that rustup keeps beside its stand-ins. */
function rustup(): string[] {
  const stands = (process.env.PATH ?? '').split(':').filter((dir) => dir.endsWith('/.cargo/bin'));
  return stands.flatMap((dir) => {
    const all = path.join(dir, '../../.rustup/toolchains');
    return fs.existsSync(all) ? fs.readdirSync(all).map((name) => path.join(all, name, 'bin')) : [];
  });
}

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server of files, by path. Its port is in `url`. */
async function serve(files: (url: string) => Record<string, string | Buffer>): Promise<string> {
  const server = http.createServer((request, response) => {
    const body = files(url)[decodeURIComponent((request.url ?? '').split('?')[0] as string)];
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  return url;
}

/** Runs a program on the host while our own server answers it. */
function onHost(program: string, args: string[], cwd: string, env: Record<string, string>): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        said += chunk;
      });
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`${program} ${args}: ${said}`))));
  });
}

/** A package as a gzipped tar, with `files` in the directory `top`. */
function archive(top: string, files: Record<string, string>): Buffer {
  const dir = fs.mkdtempSync(path.join(ALL, 'archive '));
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(dir, top, name)), { recursive: true });
    fs.writeFileSync(path.join(dir, top, name), text);
  }
  execFileSync('tar', ['-czf', path.join(dir, 'a.tgz'), '-C', dir, top]);
  return fs.readFileSync(path.join(dir, 'a.tgz'));
}

const sha = (algorithm: string, bytes: Buffer, encoding: 'hex' | 'base64') =>
  createHash(algorithm).update(bytes).digest(encoding);

it('of a command that never stops writing the beginning is kept', async () => {
  const made = yard();
  made.write('README', '');
  made.commit();
  const { code, out } = await made.run('head -c 9000000 /dev/zero | tr "\\0" x; echo the end');
  expect([code, out.length]).toEqual([0, 4_000_000]);
});

it('Node: packages, scopes, workspaces and programs are found, caches can be written, packages cannot', async () => {
  const { write, commit, run, project } = yard();
  write('package.json', '{"name":"p","scripts":{"test":"checker"},"workspaces":["packages/*"]}');
  write('packages/own/package.json', '{"name":"own","main":"i.js"}');
  write('packages/own/i.js', 'module.exports = "own:" + require("nested");\n');
  write('.gitignore', 'node_modules\n');
  commit();
  write('packages/own/node_modules/nested/index.js', 'module.exports = "nested";\n');
  write('node_modules/@scope/dep/index.js', 'module.exports = "scoped";\n');
  write(
    'node_modules/checker/cli.js',
    `#!/usr/bin/env node
const fs = require('node:fs');
for (const name of ['.cache', '.vite', '.vite-temp', '.vitest', '../packages/own/node_modules/.cache']) {
  fs.mkdirSync('node_modules/' + name, { recursive: true });
  fs.writeFileSync('node_modules/' + name + '/x', 'x');
}
for (const name of ['x', 'checker/x', '@scope/x', '@scope/dep/x'])
  try { fs.writeFileSync('node_modules/' + name, 'x'); console.log('WRITTEN', name); } catch (error) { if (error.code !== 'EROFS') throw error; }
console.log(require('@scope/dep'), require('own'), require('checker/package.json').name, fs.realpathSync('node_modules/own'));
`,
    0o755,
  );
  write('node_modules/checker/package.json', '{"name":"checker"}');
  fs.mkdirSync(path.join(project, 'node_modules/.bin'));
  fs.symlinkSync('../checker/cli.js', path.join(project, 'node_modules/.bin/checker'));
  fs.symlinkSync('../packages/own', path.join(project, 'node_modules/own'));
  const { code, out, notices } = await run('npm test --silent');
  expect([code, out.trim(), notices]).toEqual([0, `scoped own:nested checker ${project}/packages/own`, []]);
  // Where the caches are there already, the directory itself is mounted.
  for (const name of ['.cache', '.vite', '.vite-temp', '.vitest']) write(`node_modules/${name}/theirs`, 'x');
  const again = await run('npm test --silent && ls node_modules/.cache');
  expect([again.code, again.out.trim().split('\n')[1]]).toEqual([0, 'x']);
});

it('Node: a node_modules that is a link, with the real vitest and a TypeScript configuration', async () => {
  const { write, commit, run, project } = yard();
  write('package.json', '{"type":"module","scripts":{"test":"vitest run"}}');
  write('vite.config.ts', 'export default { test: { include: ["*.test.ts"] } } as object;\n');
  write('sum.test.ts', 'import { expect, it } from "vitest";\nit("adds", () => { expect<number>(1 + 1).toBe(2); });\n');
  write('.gitignore', 'node_modules\n');
  commit();
  fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(project, 'node_modules'));
  const { code, out } = await run('npm test');
  expect([code, out]).toEqual([0, expect.stringContaining('1 passed')]);
});

it('a link that git tracks, or that leads to something else, is not followed', async () => {
  const { write, commit, run, home, project } = yard();
  fs.mkdirSync(path.join(home, '.ssh'));
  fs.writeFileSync(path.join(home, '.ssh/id'), 'secret');
  fs.mkdirSync(path.join(home, 'other/vendor'), { recursive: true });
  write('.gitignore', 'node_modules\n');
  fs.symlinkSync(path.join(home, 'other/vendor'), path.join(project, 'vendor'));
  write('sub/kept', '');
  commit();
  fs.symlinkSync('../.ssh', path.join(project, 'node_modules'));
  fs.mkdirSync(path.join(project, 'sub/node_modules/@a'), { recursive: true });
  fs.symlinkSync(path.join(home, 'other'), path.join(project, 'sub/node_modules/@a/linked'));
  const { notices, out } = await run('cat node_modules/id ../.ssh/id; ls vendor/');
  expect(out).not.toContain('secret');
  expect(notices.join('\n')).toMatch(
    /node_modules is not shared: it is a link.*\n.*vendor is a link that git.*\nsub\/node_modules\/@a\/linked leads out/s,
  );
});

it('npm: the set-up runs once for a lock file, from the cache of the user, and the copies share it', async ({
  skip,
}) => {
  const npm = directoryOf('npm', '--version');
  if (npm === null) return skip('npm is not installed');
  const { write, commit, run, home, project, env } = yard();
  const tgz = archive('package', {
    'package.json': '{"name":"dep","version":"1.0.0"}',
    'index.js': 'module.exports=7',
  });
  const integrity = `sha512-${sha('sha512', tgz, 'base64')}`;
  const url = await serve((base) => ({
    '/dep': JSON.stringify({
      name: 'dep',
      'dist-tags': { latest: '1.0.0' },
      versions: { '1.0.0': { name: 'dep', version: '1.0.0', dist: { tarball: `${base}/dep.tgz`, integrity } } },
    }),
    '/dep.tgz': tgz,
  }));
  write('package.json', '{"name":"p","version":"1.0.0","dependencies":{"dep":"1.0.0"}}');
  write('.npmrc', `registry=${url}/\n`);
  write('.gitignore', 'node_modules\nran\n');
  await onHost('npm', ['install', '--no-audit', '--no-fund'], project, env);
  fs.rmSync(path.join(project, 'node_modules'), { recursive: true });
  commit();
  expect(fs.existsSync(path.join(home, '.npm/_cacache'))).toBe(true);
  const setup = 'npm ci && date +%N > ran';
  const first = await run('node -p "require(\'dep\')" && cat ran', { setup });
  expect([first.code, first.out.split('\n')[0]]).toEqual([0, '7']);
  expect(first.notices).toEqual([expect.stringContaining('Setting the project up')]);
  const [second, third] = await Promise.all([
    run('cat ran', { setup }),
    run('touch node_modules/dep/x; cat ran', { setup }),
  ]);
  expect([second.notices, second.out]).toEqual([[], `${first.out.split('\n')[1]}\n`]);
  expect(third.out).toContain('Read-only');
  // Another lock file is another state.
  write('package-lock.json', fs.readFileSync(path.join(project, 'package-lock.json'), 'utf8').replace('"p"', '"q"'));
  expect((await run('true', { setup })).notices).toHaveLength(1);
});

it('a set-up that fails says how, starts nothing, and is tried again', async () => {
  const { write, commit, run } = yard();
  write('package.json', '{}');
  commit();
  const setup = 'echo first; echo "no such package" >&2; exit 3';
  const failure = { code: 'setup-failed', message: expect.stringMatching(/exit status 3 \(no such package\)\.$/) };
  await expect(run('true', { setup })).rejects.toMatchObject(failure);
  await expect(run('true', { setup })).rejects.toMatchObject(failure);
  expect((await run('cat made/by', { setup: 'mkdir made; echo me > made/by' })).out).toBe('me\n');
});

it('a set-up that does not end is killed whole, and says so', async () => {
  const { write, commit, run } = yard();
  write('package.json', '{}');
  commit();
  const stop = new AbortController();
  const running = run('true', { setup: 'touch started; (setsid sleep 1000 &); sleep 1000' }, stop.signal);
  await until(() => fs.globSync('**/work/started', { cwd: ALL }).length > 0);
  stop.abort();
  await expect(running).rejects.toMatchObject({
    code: 'setup-failed',
    message: expect.stringContaining('did not end'),
  });
  expect(processesOf(`BUILD-${process.pid}-${number - 1}`)).toEqual([]);
});

it('files of workspace.copy are there, and only those that lie in the project', async () => {
  const { write, commit, run, home, project } = yard();
  write('.gitignore', '.env*\n');
  write('app/keep', '');
  commit();
  write('.env', 'KEY=1\n', 0o600);
  write('app/.env.local', 'KEY=2\n');
  fs.writeFileSync(path.join(home, 'outside'), 'secret');
  fs.symlinkSync('../outside', path.join(project, '.env.link'));
  const { out, copied, notices } = await run('cat .env app/.env.local .env.link', {
    copy: ['.env', 'app/.env*', '.env.link', '.env.missing'],
  });
  expect(copied).toEqual(['.env', 'app/.env.local']);
  expect(out).toMatch(/^KEY=1\nKEY=2\ncat: /);
  expect(notices).toEqual([expect.stringContaining('.env.link is not copied')]);
});

it('Python: an environment with absolute paths runs its own programs and tests', async ({ skip }) => {
  const python = directoryOf('python3', '--version', ['/usr/bin']);
  if (python === null) return skip('python3 is not installed');
  const { write, commit, run, project } = yard([python]);
  write('pkg/__init__.py', 'def double(n):\n    return 2 * n\n');
  write(
    'tests/test_pkg.py',
    'import unittest, helper\nfrom pkg import double\n\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(double(helper.ONE), 2)\n',
  );
  write('.gitignore', '.venv\n__pycache__\n');
  commit();
  execFileSync(path.join(python, 'python3'), ['-m', 'venv', '--without-pip', '.venv'], { cwd: project, stdio: 'pipe' });
  const packages = fs.globSync('.venv/lib/python3*/site-packages', { cwd: project })[0] as string;
  write(`${packages}/helper.py`, 'ONE = 1\n');
  write('.venv/bin/tool', `#!${project}/.venv/bin/python\nimport helper, sys\nprint(helper.ONE, sys.prefix)\n`, 0o755);
  // A shebang takes no path with a blank; a console script is started by its interpreter then.
  const { code, out } = await run('.venv/bin/python .venv/bin/tool && .venv/bin/python -m unittest discover -s tests');
  expect([code, out]).toEqual([0, expect.stringMatching(/^1 .*my project\/\.venv\n.*OK/s)]);
});

it('Rust: cargo test with a dependency from the registry cache, then with a vendored one', {
  timeout: 240_000,
}, async ({ skip }) => {
  const cargo = directoryOf('cargo', '--version', rustup());
  if (cargo === null) return skip('cargo is not installed');
  const { write, commit, run, project, env } = yard([cargo]);
  const manifest = '[package]\nname = "dep"\nversion = "0.1.0"\nedition = "2021"\n';
  const lib = 'pub fn one() -> i32 { 1 }\n';
  const crate = archive('dep-0.1.0', { 'Cargo.toml': manifest, 'src/lib.rs': lib });
  const entry = {
    name: 'dep',
    vers: '0.1.0',
    deps: [],
    cksum: sha('sha256', crate, 'hex'),
    features: {},
    yanked: false,
  };
  const url = await serve((base) => ({
    '/config.json': JSON.stringify({ dl: `${base}/{crate}-{version}.crate` }),
    '/3/d/dep': `${JSON.stringify(entry)}\n`,
    '/dep-0.1.0.crate': crate,
  }));
  write('.cargo/config.toml', `[registries.own]\nindex = "sparse+${url}/"\n`);
  const own = '[package]\nname = "p"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\n';
  write('Cargo.toml', `${own}dep = { version = "0.1.0", registry = "own" }\n`);
  write('src/lib.rs', '#[test]\nfn adds() { assert_eq!(dep::one() + 1, 2); }\n');
  write('.gitignore', 'target\nvendor\n');
  await onHost('cargo', ['fetch'], project, env);
  commit();
  const cached = await run('cargo test --lib --locked');
  expect([cached.code, cached.out]).toEqual([0, expect.stringContaining('1 passed')]);

  write('.cargo/config.toml', '[source.crates-io]\nreplace-with = "v"\n[source.v]\ndirectory = "vendor"\n');
  write('Cargo.toml', `${own}dep = "0.1.0"\n`);
  fs.rmSync(path.join(project, 'Cargo.lock'));
  write('vendor/dep/Cargo.toml', manifest);
  write('vendor/dep/src/lib.rs', lib);
  write('vendor/dep/.cargo-checksum.json', '{"files":{}}');
  write('target/theirs', 'built before\n');
  const vendored = await run('cat target/theirs && touch target/theirs && cargo test --lib', {
    share: ['vendor', 'target'],
  });
  expect([vendored.code, vendored.out]).toEqual([0, expect.stringMatching(/^built before\n.*1 passed/s)]);
});

it('Go: go test with a dependency from the module cache', { timeout: 240_000 }, async ({ skip }) => {
  const go = directoryOf('go', 'version');
  if (go === null) return skip('go is not installed');
  const python = directoryOf('python3', '--version', ['/usr/bin']);
  if (python === null) return skip('python3, which makes the archive, is not installed');
  const { write, commit, run, home, project, env } = yard([go]);
  // Go takes the permission to write from what it keeps.
  closing.push(() => execFileSync('chmod', ['-R', 'u+w', path.join(home, 'go')]));
  const proxy = path.join(home, 'proxy/example.com/dep/@v');
  fs.mkdirSync(path.join(home, 'zip/example.com/dep@v1.0.0'), { recursive: true });
  fs.mkdirSync(proxy, { recursive: true });
  const mod = 'module example.com/dep\n\ngo 1.18\n';
  fs.writeFileSync(path.join(home, 'zip/example.com/dep@v1.0.0/go.mod'), mod);
  fs.writeFileSync(path.join(home, 'zip/example.com/dep@v1.0.0/dep.go'), 'package dep\n\nconst One = 1\n');
  const zip = ['-m', 'zipfile', '-c', path.join(proxy, 'v1.0.0.zip'), 'example.com'];
  execFileSync(path.join(python, 'python3'), zip, { cwd: path.join(home, 'zip') });
  // Go takes no directory entries.
  const strip =
    'import zipfile,sys\nf=sys.argv[1]\nz=zipfile.ZipFile(f)\ne=[(i.filename,z.read(i)) for i in z.infolist() if not i.filename.endswith("/")]\nz=zipfile.ZipFile(f,"w")\n[z.writestr(n,b) for n,b in e]\nz.close()';
  execFileSync(path.join(python, 'python3'), ['-c', strip, path.join(proxy, 'v1.0.0.zip')]);
  fs.writeFileSync(path.join(proxy, 'v1.0.0.mod'), mod);
  fs.writeFileSync(path.join(proxy, 'v1.0.0.info'), '{"Version":"v1.0.0"}');
  write('go.mod', 'module example.com/p\n\ngo 1.18\n\nrequire example.com/dep v1.0.0\n');
  write(
    'p_test.go',
    'package p\n\nimport (\n\t"testing"\n\n\t"example.com/dep"\n)\n\nfunc TestOne(t *testing.T) {\n\tif dep.One != 1 {\n\t\tt.Fatal()\n\t}\n}\n',
  );
  const offline = { ...env, GOPROXY: `file://${home}/proxy`, GONOSUMDB: '*', GOFLAGS: '-mod=mod', GONOSUMCHECK: '1' };
  await onHost('go', ['mod', 'download', 'all'], project, offline);
  await onHost('go', ['mod', 'tidy'], project, offline);
  commit();
  fs.mkdirSync(path.join(home, 'go/pkg/mod/cache/vcs'), { recursive: true });
  fs.writeFileSync(path.join(home, 'go/pkg/mod/cache/vcs/config'), 'https://user:password@host');
  const { code, out } = await run('go test ./... && ls ~/go/pkg/mod/cache/vcs');
  expect([code, out]).toEqual([0, expect.stringMatching(/^ok\s/)]);
  expect(out).not.toContain('config');
});

it('a manager’s credentials are not there, its cache is', async () => {
  const { run, write, commit, home } = yard();
  const put = (name: string) => {
    fs.mkdirSync(path.dirname(path.join(home, name)), { recursive: true });
    fs.writeFileSync(path.join(home, name), 'x');
  };
  const secret = [
    '.cargo/credentials.toml',
    '.npmrc',
    '.npm/_logs/log',
    '.m2/settings.xml',
    '.gradle/gradle.properties',
  ];
  const shown = ['.cargo/registry/src/a/lib.rs', '.npm/_cacache/index-v5/a', '.m2/repository/a', '.cache/pip/wheels/a'];
  for (const name of [...secret, ...shown, '.gradle/caches/modules-2/a']) put(name);
  write('a', 'a');
  commit();
  const words = (names: string[]) => names.map((name) => `"$HOME/${name}"`).join(' ');
  const { out } = await run(
    `for f in ${words([...secret, ...shown])} "$GRADLE_RO_DEP_CACHE/modules-2/a"; do [ -e "$f" ] && echo "$f"; done; touch ~/.npm/_cacache/index-v5/b ~/.npm/own`,
  );
  const expected = [...shown.map((name) => path.join(home, name)), '/run/pancode/gradle/modules-2/a'];
  expect(out.split('\n').filter((line) => line.startsWith('/'))).toEqual(expected);
  expect(out).toContain('index-v5/b');
  expect(out).not.toContain('npm/own');
});
