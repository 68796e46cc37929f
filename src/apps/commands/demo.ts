/** `pancode demo`: the whole pipeline on a scratch repository with the simulated model. Nothing outside a temporary directory is touched. */
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { EXIT, PanError } from '../../protocol/error.ts';
import type { Receipt } from '../../protocol/receipt.ts';
import { bundleDir } from '../assets.ts';
import { type CommandContext, examples } from '../command.ts';

/** The script of the simulated model answers it (drivers/simulated/demo-script.ts). */
const TASK = 'Add a farewell next to the greeting, with a note in NOTES.md.';
const LAST_WORDS = `That was the whole path. With a real agent or model it is the same: set ANTHROPIC_API_KEY (and install Claude Code if you like), start Ollama,
or add an endpoint to the configuration; \`pancode fleet\` shows what is ready.`;

/** Where the demo's own user lives, and when to stop; null: this part is not to be interrupted. */
interface Stage {
  root: string;
  env: Record<string, string>;
  signal: AbortSignal | null;
}

export function register(program: Command, context: CommandContext): void {
  program
    .command('demo')
    .description('the whole pipeline on a scratch repository with a simulated model')
    .addHelpText('after', examples('pancode demo'))
    .action(async () => {
      const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'pancode-demo-')));
      const home = { HOME: path.join(root, 'user'), PANCODE_HOME: path.join(root, 'pancode') };
      const env = { PATH: context.environment.path, LANG: 'C.UTF-8', ...home };
      // Ctrl-C must not leave a daemon and a directory behind.
      const interrupted = new AbortController();
      const interrupt = () => interrupted.abort();
      const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
      for (const signal of signals) process.on(signal, interrupt);
      const stage = { root, env, signal: interrupted.signal };
      let model: Model | null = null;
      let fault: unknown = null;
      try {
        model = await startModel();
        writeConfig(stage, model.url);
        // Cut off while it starts the daemon, a command would leave one behind that nobody could stop yet.
        await pancode(['daemon', 'start'], root, { ...stage, signal: null });
        await play(context, stage);
      } catch (error) {
        fault = error;
      }
      try {
        await pancode(['daemon', 'stop', '--workers'], root, { ...stage, signal: null });
      } finally {
        model?.stop();
        fs.rmSync(root, { recursive: true, force: true });
        for (const signal of signals) process.off(signal, interrupt);
      }
      // An interrupt also reaches the programs the demo runs; what they say about it is no fault of theirs.
      if (interrupted.signal.aborted) throw stopped();
      if (fault !== null) throw fault;
    });
}

async function play(context: CommandContext, stage: Stage): Promise<void> {
  const out = context.output();
  const project = scratchProject(stage);
  out.note('This is a demonstration with a SIMULATED model: a script plays the model, everything else is real.');
  out.note(
    'A scratch repository with an uncommitted edit, an agent in its sandbox on a private copy, a change, a receipt.',
  );
  const step = async (args: string[], show = true): Promise<string> => {
    if (stage.signal?.aborted) throw stopped();
    if (show) out.note(`\n$ pancode ${args.map((arg) => (/\s/.test(arg) ? `"${arg}"` : arg)).join(' ')}`);
    const { code, stdout } = await pancode(args, project, stage);
    if (show) out.note(stdout.trimEnd());
    if (code !== 0) throw failed(`\`pancode ${args.join(' ')}\` ended with status ${code}.`);
    return stdout;
  };
  await step(['dispatch', 'builder', TASK]);
  const { receipts } = JSON.parse(await step(['receipts', '--limit', '1', '--json'], false)) as { receipts: Receipt[] };
  const [receipt] = receipts;
  if (!receipt) throw failed('The dispatch left no receipt.');
  if (!receipt.changes.applied) throw failed(`The change was not applied: ${receipt.outcome.reason}`);
  await step(['diff', receipt.id]);
  await step(['undo', receipt.id]);
  await step(['receipts', 'verify']);
  out.document(receipt, () => `\n${LAST_WORDS}`);
}

const failed = (what: string) =>
  new PanError('demo', what, 'Run `pancode doctor` to see what this machine lacks.', EXIT.failed);

const stopped = () =>
  new PanError('cancelled', 'The demo was stopped.', 'Nothing of it is left; run it again.', EXIT.cancelled);

function writeConfig({ root }: Stage, modelUrl: string): void {
  const dir = path.join(root, 'pancode', 'config');
  fs.mkdirSync(dir, { recursive: true });
  fs.writeFileSync(
    path.join(dir, 'config.yaml'),
    `discover: false\nendpoints:\n  - {id: demo, provider: simulated, url: "${modelUrl}", models: [{id: simulated-model, tier: frontier}]}\n`,
  );
}

function scratchProject({ root, env }: Stage): string {
  const project = path.join(root, 'project');
  fs.mkdirSync(path.join(project, 'src'), { recursive: true });
  fs.mkdirSync(path.join(root, 'user'));
  fs.writeFileSync(path.join(project, 'README.md'), '# Greeter\n\nSays hello.\n');
  fs.writeFileSync(
    path.join(project, 'src', 'greet.js'),
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code.
    'export const greet = (name) => `Hello, ${name}`;\n',
  );
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Demo', '-c', 'user.email=demo@example.invalid', ...args], {
      cwd: project,
      env,
      stdio: 'pipe',
    });
  git('init', '-q', '-b', 'main');
  git('add', '.');
  git('commit', '-q', '-m', 'A greeter');
  fs.appendFileSync(path.join(project, 'README.md'), '\nAn edit you have not committed.\n');
  return project;
}

interface Model {
  url: string;
  stop(): void;
}

/** The simulated model in a process of its own; it ends with this one because its standard input closes. */
async function startModel(): Promise<Model> {
  const child = spawn(process.execPath, [path.join(bundleDir(), 'simulated.js'), '--demo'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // A Ctrl-C on the terminal is for the demo: it still needs the model to end its dispatch.
    detached: true,
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the simulated model ended with ${code}`)));
    child.stdout.once('data', (line: Buffer) => resolve((JSON.parse(line.toString()) as { url: string }).url));
  });
  return { url, stop: () => void child.kill() };
}

/** Runs a command as the demo's user. What it says to a person goes on at once; what is not to be interrupted is out of the reach of Ctrl-C. */
function pancode(
  args: string[],
  cwd: string,
  { env, signal }: Stage,
): Promise<{ code: number | null; stdout: string }> {
  const program = path.join(bundleDir(), '..', 'bin', 'pancode.js');
  const child = spawn(process.execPath, [program, ...args], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: signal === null,
  });
  const interrupt = () => void child.kill('SIGINT');
  signal?.addEventListener('abort', interrupt);
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      signal?.removeEventListener('abort', interrupt);
      resolve({ code, stdout });
    });
  });
}
