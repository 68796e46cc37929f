import { execFileSync } from 'node:child_process';
import { chmod, lstat, mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configGet, configPath, configSchema, configSet } from '../../src/apps/commands/config.ts';
import { loadConfig, parseConfig } from '../../src/drivers/config.ts';
import { keyNames } from '../../src/drivers/key-names.ts';
import { put, tempDir } from '../fixtures/temp.ts';

const dir = tempDir();
let n = 0;
async function context(user?: string, project?: string) {
  const base = join(dir, String(n++));
  const configDir = join(base, 'config');
  const projectRoot = join(base, 'pro ject');
  if (user !== undefined) await put(join(configDir, 'config.yaml'), user);
  if (project !== undefined) await put(join(projectRoot, '.pancode/config.yaml'), project);
  return { configDir, lockFile: join(base, 'state', 'config.lock'), projectRoot, flags: {} };
}
const read = (configDir: string) => readFile(join(configDir, 'config.yaml'), 'utf8');

describe('loadConfig', () => {
  it('takes missing and empty files as empty', async () => {
    expect((await loadConfig(await context())).config.mode).toBe('build');
    expect((await loadConfig(await context('', '# nothing\n'))).config.mode).toBe('build');
    expect((await loadConfig({ ...(await context()), projectRoot: null })).config.mode).toBe('build');
  });

  it('reads the example of the design', async () => {
    const { config } = await loadConfig(
      await context(`
orchestrator: {worker: native/ollama/qwen3:8b}
runtimes:
  claude-code: {path: /opt/claude, baseUrl: "http://127.0.0.1:9000", apiKeyEnv: ANTHROPIC_API_KEY, models: [claude-sonnet-5], mcp: [], enabled: true}
  my-agent: {kind: acp, command: [my-agent, --acp]}
endpoints:
  - {id: lab, provider: openai-compatible, url: "http://127.0.0.1:8000/v1", apiKeyEnv: LAB_KEY, models: [{id: m1, context: 32768, tier: small}]}
prices: {"lab/m1": {input: 0.1, output: 0.4}}
rules: {deny: ["path:infra/**"], ask: ["command:npm publish"], allow: ["host:docs.example.com"]}
presets: {night: {safety: suggest, orchestrator: {worker: native/lab/m1}}}
`),
    );
    expect(config.endpoints[0]!.models![0]).toEqual({ id: 'm1', context: 32768, tier: 'small' });
    expect(config.prices['lab/m1']).toEqual({ input: 0.1, output: 0.4 });
  });

  it.each([
    ['saftey: suggest', 'unknown key "saftey". Did you mean "safety"?'],
    ['budget: {dispach: 1}', 'unknown key "budget.dispach". Did you mean "budget.dispatch"?'],
    ['concurrency: 3', 'unknown key "concurrency". Did you mean "limits.concurrency"?'],
    ['presets: {night: {safty: suggest}}', 'unknown key "presets.night.safty". Did you mean "presets.night.safety"?'],
    ['endpoints: [{id: a, provider: ollama, url: "http://x", apikeyenv: K}]', 'Did you mean "endpoints[0].apiKeyEnv"?'],
    ['safety: sugest', 'safety is "sugest", which is none of suggest, auto-edit, full-auto. Did you mean "suggest"?'],
    ['endpoints: [{id: a, provider: olama, url: "http://x"}]', 'endpoints[0].provider is "olama"'],
    ['budget: {dispatch: -1}', 'budget.dispatch is wrong'],
    ['limits: {concurrency: "4"}', 'limits.concurrency is wrong'],
    ['runtimes: {claude-cod: {path: /x}}', 'unknown runtime "claude-cod" in runtimes. Did you mean "claude-code"?'],
    ['runtimes: {mine: {kind: acp}}', 'runtimes.mine has kind acp but no command'],
    [
      'endpoints: [{id: a, provider: ollama, url: "http://x"}, {id: a, provider: ollama, url: "http://y"}]',
      'endpoints[1].id "a" is used twice',
    ],
    ['preset: nigth\npresets: {night: {}}', 'Did you mean "night"?'],
    ['- a', 'the whole file is wrong'],
    ['a: [', 'is not valid YAML'],
    ['mode: plan\nmode: build', 'the key "mode" stands twice, again in line 2'],
    ['budget: {day: 1, "day": 2}', 'the key "day" stands twice'],
    ['a: &a [x,x,x]\nb: &b [*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c]', 'is not valid YAML'],
  ])('%s', async (text, sentence) => {
    await expect(loadConfig(await context(text))).rejects.toMatchObject({
      exit: 2,
      message: expect.stringContaining(sentence),
      do: expect.stringMatching(/\S/),
    });
  });

  it.each([
    ['endpoints: []', 'may not hold "endpoints": a project\'s file may only narrow'],
    ['rules: {allow: ["host:x"]}', 'may not hold "rules.allow"'],
    ['network: {allow: [x]}', 'may not hold "network"'],
    ['safety: full-auto', 'sets safety to "full-auto", which is more than your own "auto-edit"'],
    ['saftey: suggest', 'unknown key "saftey". Did you mean "safety"?'],
  ])('in a project: %s', async (text, sentence) => {
    const given = await context('', text);
    await expect(loadConfig(given)).rejects.toMatchObject({ exit: 2, message: expect.stringContaining(sentence) });
    await expect(loadConfig(given)).rejects.toMatchObject({
      message: expect.stringContaining(join(given.projectRoot, '.pancode/config.yaml')),
    });
  });

  it.each([
    ['of 10 MB', `mode: plan\n${'# x\n'.repeat(2_500_000)}`, 'is 9766 kB, more than the 256 kB'],
    ['that is no UTF-8', Buffer.from([0x6d, 0x3a, 0x20, 0xff, 0xfe, 0x0a]), 'is not UTF-8 text'],
    ['with a tab', 'budget:\n\tday: 3\n', 'Tabs are not allowed as indentation'],
    ['nested without end', '['.repeat(200_000), 'is nested too deeply'],
    ['of two documents', 'mode: plan\n---\nmode: build\n', 'multiple documents'],
    ['with a tag nobody knows', 'mode: !!js/function plan\n', 'Unresolved tag'],
    ['with zero bytes', 'mode: \0plan\n', 'mode is'],
  ])('refuses a file %s in one sentence', async (_, content, sentence) => {
    const given = await context();
    const file = await put(join(given.configDir, 'config.yaml'), '');
    await writeFile(file, content);
    const failure = await loadConfig(given).catch((error) => error);
    expect(failure).toMatchObject({ exit: 2, do: expect.stringContaining('') });
    expect(failure.message).toContain(sentence);
    expect(failure.message).toContain(file);
    expect(failure.message.split('\n')).toHaveLength(1);
    await expect(configSet(given, 'budget.day', '3')).rejects.toMatchObject({ exit: 2 });
    expect(Buffer.from(content).equals(await readFile(file))).toBe(true);
  });

  it('refuses a pipe at once instead of waiting for a writer', async () => {
    const given = await context();
    await mkdir(given.configDir, { recursive: true });
    execFileSync('mkfifo', [join(given.configDir, 'config.yaml')]);
    await expect(loadConfig(given)).rejects.toMatchObject({ code: 'config-unreadable', exit: 2 });
    expect(await keyNames(given.configDir)).toEqual([]);
  });

  it('says when a file cannot be read', async () => {
    const given = await context();
    await put(join(given.configDir, 'config.yaml', 'x'), '');
    await expect(loadConfig(given)).rejects.toMatchObject({ code: 'config-unreadable', exit: 2 });
  });

  it('takes a byte order mark and Windows line ends', async () => {
    expect((await parseConfig('f', 'user', '\uFEFFmode: plan\r\n')).mode).toBe('plan');
  });
});

describe('config get and set', () => {
  it('get tells value and source, and the nearest key', async () => {
    const given = await context('budget: {day: 3}', 'rules: {deny: ["path:x"]}');
    expect(await configGet(given, 'budget.day')).toEqual({ value: 3, source: 'user' });
    expect(await configGet(given, 'rules.deny')).toEqual({ value: ['path:x'], source: 'project' });
    expect(await configGet(given, 'mode')).toEqual({ value: 'build', source: 'default' });
    expect(await configGet({ ...given, flags: { mode: 'plan' } }, 'mode')).toEqual({ value: 'plan', source: 'flag' });
    expect(await configGet(given, 'runtimes.claude-code.path')).toEqual({ value: null, source: 'default' });
    await expect(configGet(given, 'budgt.day')).rejects.toMatchObject({
      exit: 2,
      message: expect.stringContaining('"budget.day"'),
    });
  });

  it('set keeps comments and order, reads YAML, and makes what is missing', async () => {
    const given = await context('# mine\nsafety: suggest # careful\nbudget:\n  day: 3\n');
    expect(await configSet(given, 'budget.dispatch', '7')).toEqual({ value: 7, source: 'user' });
    await configSet(given, 'safety', 'auto-edit');
    await configSet(given, 'prices.lab/m-1.5', '{input: 1, output: 2}');
    await configSet(given, 'verify', 'npm run a: b');
    expect(await read(given.configDir)).toBe(
      '# mine\nsafety: auto-edit # careful\nbudget:\n  day: 3\n  dispatch: 7\nprices:\n  lab/m-1.5:\n    input: 1\n    output: 2\nverify: "npm run a: b"\n',
    );
    const fresh = await context();
    expect(await configSet(fresh, 'limits.concurrency', '2')).toEqual({ value: 2, source: 'user' });
  });

  it('set keeps line ends, a byte order mark, the mode of the file, and a link to it', async () => {
    const given = await context('\uFEFF# mine\r\nmode: plan\r\n');
    const file = join(given.configDir, 'config.yaml');
    const real = join(given.configDir, 'real.yaml');
    await rename(file, real);
    await chmod(real, 0o644);
    await symlink('real.yaml', file);
    await configSet(given, 'budget.day', '3');
    expect(await readFile(real, 'utf8')).toBe('\uFEFF# mine\r\nmode: plan\r\nbudget:\r\n  day: 3\r\n');
    expect((await lstat(file)).isSymbolicLink()).toBe(true);
    expect((await lstat(real)).mode & 0o777).toBe(0o644);
  });

  it('corrects a wrong value', async () => {
    const given = await context('mode: bild\n');
    expect(await configSet(given, 'mode', 'build')).toEqual({ value: 'build', source: 'user' });
  });

  it('loses none of twenty changes at once', async () => {
    const given = await context('# mine\n');
    const names = Array.from({ length: 20 }, (_, n) => `m${n}`);
    await Promise.all(names.map((name, n) => configSet(given, `prices.lab/${name}`, `{input: ${n}, output: 1}`)));
    expect(Object.keys((await loadConfig(given)).config.prices)).toHaveLength(20);
  });

  it.each([
    ['budgt.day', '3', 'Did you mean "budget.day"?'],
    ['safety', 'ful-auto', 'Did you mean "full-auto"?'],
    ['budget.day', '-1', 'budget.day is wrong'],
    ['preset', 'locl', 'Did you mean "local"?'],
    ['runtimes.claud', '{path: x}', 'Did you mean "claude-code"?'],
  ])('set %s %s changes nothing', async (key, value, sentence) => {
    const given = await context('mode: plan # keep\n');
    await expect(configSet(given, key, value)).rejects.toMatchObject({
      exit: 2,
      message: expect.stringContaining(sentence),
    });
    expect(await read(given.configDir)).toBe('mode: plan # keep\n');
  });

  it('path and schema', async () => {
    const given = await context();
    expect(await configPath(given)).toEqual({
      user: join(given.configDir, 'config.yaml'),
      project: join(given.projectRoot, '.pancode/config.yaml'),
    });
    const { properties } = (await configSchema()) as { properties: Record<string, Record<string, unknown>> };
    expect(properties.workspace?.properties).toMatchObject({
      maxFileMb: { default: 50, description: expect.stringMatching(/\S/) },
    });
    for (const [key, node] of Object.entries(properties))
      expect([key, node.description ?? node.properties]).not.toContain(undefined);
  });
});
