/** The command line. Loads only the file of the command that was asked for: `pancode ps` must cost little more than starting Node. */
import path from 'node:path';
import { Command, CommanderError } from 'commander';
import { EXIT, PanError } from '../protocol/error.ts';
import { createClient } from './client.ts';
import { type CommandContext, type CommandFile, type GlobalOptions, modeFlag, safetyFlag } from './command.ts';
import { readEnvironment } from './environment.ts';
import { createOutput, reportError } from './output.ts';
import { VERSION } from './version.ts';

const FILES: Record<string, () => Promise<CommandFile>> = {
  dispatch: () => import('./commands/dispatch.ts'),
  ps: () => import('./commands/ps.ts'),
  logs: () => import('./commands/logs.ts'),
  wait: () => import('./commands/wait.ts'),
  cancel: () => import('./commands/cancel.ts'),
  diff: () => import('./commands/diff.ts'),
  apply: () => import('./commands/apply.ts'),
  undo: () => import('./commands/undo.ts'),
  receipts: () => import('./commands/receipts.ts'),
  fleet: () => import('./commands/fleet.ts'),
  agents: () => import('./commands/agents.ts'),
  prompt: () => import('./commands/prompt.ts'),
  doctor: () => import('./commands/doctor.ts'),
  config: () => import('./commands/config.ts'),
  daemon: () => import('./commands/daemon.ts'),
  sandbox: () => import('./commands/sandbox.ts'),
  demo: () => import('./commands/demo.ts'),
};

const argv = process.argv.slice(2);
void main(argv)
  .catch((error: unknown) => reportError(error, argv.includes('--json'), argv.includes('--debug')))
  .then((code) => {
    process.exitCode = code;
  });

async function main(args: string[]): Promise<number> {
  const environment = readEnvironment(process.env);
  const program = new Command('pancode');
  let exit: number = EXIT.ok;
  const options = (): GlobalOptions => {
    const given = program.opts<{
      cwd?: string;
      json?: boolean;
      mode?: string;
      safety?: string;
      preset?: string;
      debug?: boolean;
    }>();
    return {
      cwd: path.resolve(given.cwd ?? '.'),
      json: given.json ?? false,
      mode: modeFlag(given.mode),
      safety: safetyFlag(given.safety),
      preset: given.preset,
      debug: given.debug ?? false,
    };
  };
  const context: CommandContext = {
    environment,
    options,
    output: () => createOutput(options().json, environment.color),
    client: createClient(environment),
    clientContext: async () => (await import('./client-context.ts')).clientContext(environment, options()),
    exit: (code) => {
      exit = code;
    },
  };
  const name = commandName(args);
  const wanted = name ? [name] : Object.keys(FILES);
  program
    .description(
      'One fleet, one dispatch, one safety model and one ledger for the coding agents and models on this machine.',
    )
    .version(VERSION)
    .option('--cwd <dir>', 'work in DIR instead of the current directory')
    .option('--json', 'print one JSON document on stdout and nothing else')
    .option('--mode <mode>', 'plan, review or build, for this command')
    .option('--safety <level>', 'suggest, auto-edit or full-auto, for this command')
    .option('--preset <name>', 'use a preset for this command')
    .option('--no-color', 'no colours')
    .option('--debug', 'print a stack with errors')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .enablePositionalOptions(false);
  if (name && !FILES[name]) {
    const { didYouMean } = await import('../core/nearest.ts');
    throw new PanError(
      'unknown-command',
      `There is no command "${name}". ${didYouMean(name, Object.keys(FILES))}`,
      'See `pancode --help` for all commands.',
    );
  }
  for (const command of wanted) (await FILES[command]?.())?.register(program, context);
  if (!name && !args.some((arg) => ['-h', '--help'].includes(arg))) {
    const { bare } = await import('./bare.ts');
    return bare(context);
  }
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.ok;
    if (error.code === 'commander.help')
      throw new PanError(
        'usage',
        `\`pancode ${name}\` needs to be told what to do.`,
        `See \`pancode ${name} --help\`.`,
      );
    throw new PanError('usage', sentence(error.message), `See \`pancode ${name ?? ''}${name ? ' ' : ''}--help\`.`);
  }
  return exit;
}

/** The first word that is neither an option nor the value of a global option. */
function commandName(args: string[]): string | undefined {
  const withValue = new Set(['--cwd', '--mode', '--safety', '--preset']);
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i] as string;
    if (withValue.has(arg)) i += 1;
    else if (!arg.startsWith('-')) return arg;
  }
  return undefined;
}

/** Commander writes "error: unknown option '--x'\n(Did you mean --y?)"; we print sentences. */
function sentence(message: string): string {
  const text = message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?)]$/.test(text) ? '' : '.'}`;
}
