/** What of the client's PATH is mounted: enough to run a manager's programs, never a manager's own directory with its tokens. */
import fs from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { policyOf } from '../../../src/drivers/sandbox/policy.ts';
import { type SandboxSpec, within } from '../../../src/drivers/sandbox/spec.ts';
import { toolchainsOf } from '../../../src/drivers/sandbox/toolchains.ts';
import { put, tempDir } from '../../fixtures/temp.ts';

const dir = tempDir();

/** A manager's layout below HOME: its PATH entry, what its programs need, and files nobody else may read. */
const MANAGERS: { name: string; entry: string; needed: string[]; secret: string[] }[] = [
  {
    name: 'cargo',
    entry: '.cargo/bin',
    needed: ['.cargo/bin/cargo', '.rustup/toolchains/stable/bin/rustc', '.rustup/settings.toml'],
    secret: ['.cargo/credentials.toml', '.cargo/config.toml'],
  },
  {
    name: 'nvm',
    entry: '.nvm/versions/node/v24.1.0/bin',
    needed: ['.nvm/versions/node/v24.1.0/bin/node', '.nvm/versions/node/v24.1.0/lib/node_modules/npm/bin/npm-cli.js'],
    secret: ['.nvm/alias', '.nvm/versions/node/v24.1.0/etc/npmrc', '.nvm/.npmrc'],
  },
  {
    name: 'fnm',
    entry: '.local/share/fnm/node-versions/v24/installation/bin',
    needed: ['.local/share/fnm/node-versions/v24/installation/lib/x'],
    secret: ['.local/share/fnm/token', '.local/share/keyrings/login.keyring'],
  },
  {
    name: 'pyenv',
    entry: '.pyenv/shims',
    needed: ['.pyenv/shims/python', '.pyenv/versions/3.12/bin/python', '.pyenv/libexec/pyenv'],
    secret: ['.pyenv/secret', '.pyenv/versions/3.12/pip.conf'],
  },
  { name: 'rbenv', entry: '.rbenv/shims', needed: ['.rbenv/versions/3.3/bin/ruby'], secret: ['.rbenv/credentials'] },
  {
    name: 'asdf',
    entry: '.asdf/shims',
    needed: ['.asdf/installs/nodejs/20/bin/node', '.asdf/plugins/nodejs/bin/exec'],
    secret: ['.asdf/token', '.asdf/installs/nodejs/20/etc/npmrc'],
  },
  {
    name: 'volta',
    entry: '.volta/bin',
    needed: ['.volta/tools/image/node/20/bin/node', '.volta/volta-shim'],
    secret: ['.volta/token', '.volta/tools/image/node/20/etc/npmrc'],
  },
  {
    name: 'npm prefix',
    entry: '.npm-global/bin',
    needed: ['.npm-global/lib/node_modules/x/cli.js'],
    secret: ['.npm-global/etc/npmrc'],
  },
  {
    name: 'sdkman',
    entry: '.sdkman/candidates/java/21/bin',
    needed: ['.sdkman/candidates/java/21/lib/modules', '.sdkman/candidates/java/21/conf/x'],
    secret: ['.sdkman/etc/config'],
  },
  {
    name: 'conda',
    entry: 'miniconda3/envs/dev/bin',
    needed: ['miniconda3/envs/dev/lib/python3.12/os.py'],
    secret: ['miniconda3/envs/dev/pip.conf', 'miniconda3/envs/dev/etc/token', 'miniconda3/.condatoken'],
  },
  {
    name: 'uv',
    entry: '.local/bin',
    needed: ['.local/bin/uv', '.local/share/uv/python/3.12/bin/python'],
    secret: ['.local/share/uv/credentials/credentials.toml', '.local/share/keyrings/x'],
  },
  { name: 'go', entry: 'go/bin', needed: ['go/bin/gopls'], secret: ['go/secret', 'go/pkg/mod/cache/token'] },
];

function specIn(root: string, clientPath: string[], change: Partial<SandboxSpec> = {}): SandboxSpec {
  const at = (name: string) => {
    fs.mkdirSync(path.join(root, name), { recursive: true });
    return path.join(root, name);
  };
  return {
    ...{
      dispatch: 'toolchains',
      profile: 'W',
      project: at('home/project'),
      cwd: at('home/project'),
      copy: at('copy'),
      commonDir: null,
      objects: [],
    },
    ...{
      home: { host: at('state'), path: at('home') },
      roots: [],
      files: [],
      shares: [],
      masks: [],
      gateway: null,
      output: null,
      env: {},
    },
    ...{ path: clientPath.join(':'), locale: {}, relay: '', node: process.execPath },
    ...change,
  };
}

it.each(MANAGERS)('$name: what it needs and nothing more', async ({ entry, needed, secret }) => {
  const root = fs.mkdtempSync(path.join(dir, 'root-'));
  const home = path.join(root, 'home');
  fs.mkdirSync(path.join(home, entry), { recursive: true });
  for (const file of [...needed, ...secret]) await put(path.join(home, file), 'x');
  const spec = specIn(root, [path.join(home, entry), '/usr/bin']);
  const tools = toolchainsOf(spec);
  const shown = (file: string) => tools.mounts.some((mount) => within(file, mount)) && !tools.masks.includes(file);
  for (const file of needed) expect(shown(path.join(home, file)), file).toBe(true);
  for (const file of secret) expect(shown(path.join(home, file)), file).toBe(false);
  expect(tools.path.split(':')[0]).toBe(path.join(home, entry));
  // Every token that lies in what is mounted is covered in the end.
  const { arguments: args } = await policyOf(spec);
  for (const file of tools.masks.filter((mask) => tools.mounts.some((mount) => within(mask, mount))))
    expect(
      args.some((word, i) => word === '/dev/null' && args[i + 1] === file),
      file,
    ).toBe(true);
});

it('leaves out what is no toolchain: the home, what holds it, PanCode’s own directories, and what is not there', () => {
  const root = fs.mkdtempSync(path.join(dir, 'root-'));
  const at = (name: string) => path.join(root, name);
  const spec = specIn(root, [
    at('home'),
    root,
    '/',
    at('state'),
    at('copy'),
    at('missing'),
    'relative',
    '.',
    '',
    '/usr/bin',
  ]);
  const tools = toolchainsOf(spec);
  expect(tools.mounts).toEqual([]);
  expect(tools.path).toBe('/usr/bin:/usr/local/bin:/bin');
});

it('keeps a directory of the project on PATH without mounting it', () => {
  const root = fs.mkdtempSync(path.join(dir, 'root-'));
  const spec = specIn(root, []);
  const bin = path.join(spec.project, 'node_modules/.bin');
  fs.mkdirSync(bin, { recursive: true });
  const tools = toolchainsOf({ ...spec, path: bin });
  expect(tools.mounts).toEqual([]);
  expect(tools.path.split(':')[0]).toBe(bin);
});

it('follows links to the real place, where a program finds what lies beside it', async () => {
  const root = fs.mkdtempSync(path.join(dir, 'root-'));
  const real = path.join(root, 'home/.nvm/versions/node/v24.0.0');
  await put(path.join(real, 'bin/node'), 'x', 0o755);
  await put(path.join(real, 'lib/x'), 'x');
  fs.symlinkSync(real, path.join(root, 'home/current'));
  const tools = toolchainsOf(specIn(root, [path.join(root, 'home/current/bin')]));
  expect(tools.path.split(':')[0]).toBe(path.join(real, 'bin'));
  expect(tools.mounts).toContain(path.join(real, 'lib'));
});

it('refuses an install root that holds the home', async () => {
  const root = fs.mkdtempSync(path.join(dir, 'root-'));
  await expect(policyOf(specIn(root, ['/usr/bin'], { roots: [root] }))).rejects.toMatchObject({
    code: 'place',
    exit: 2,
  });
});

it('a Python environment brings the interpreter it was made with, and nothing that only calls itself one', async () => {
  const root = fs.mkdtempSync(path.join(dir, 'root-'));
  const spec = specIn(root, []);
  const version = path.join(root, 'home/.pyenv/versions/3.11.7');
  for (const name of ['lib/python3.11/os.py', 'lib/libpython3.11.so', 'include/x', 'share/x', 'pip.conf'])
    await put(path.join(version, name), 'x');
  await put(path.join(version, 'bin/python3.11'), 'x', 0o755);
  const environment = path.join(spec.project, '.venv');
  await put(path.join(environment, 'pyvenv.cfg'), `home = ${version}/bin\n`);
  fs.mkdirSync(path.join(environment, 'bin'));
  fs.symlinkSync(path.join(version, 'bin/python3.11'), path.join(environment, 'bin/python'));
  const expected = ['bin', 'include', 'lib/libpython3.11.so', 'lib/python3.11'].map((name) => path.join(version, name));
  const share = { host: environment, path: environment };
  expect(toolchainsOf({ ...spec, shares: [share], copy: root }).mounts.sort()).toEqual(expected);
  expect(toolchainsOf({ ...spec, copy: null }).mounts.sort()).toEqual(expected);
  // A repository may hold any text and any link.
  await put(path.join(root, 'home/.ssh/id'), 'secret');
  for (const target of ['.ssh/id', '.ssh']) {
    fs.rmSync(path.join(environment, 'bin/python'));
    fs.symlinkSync(path.join(root, 'home', target), path.join(environment, 'bin/python'));
    expect(toolchainsOf({ ...spec, copy: null }).mounts).toEqual([]);
  }
});
