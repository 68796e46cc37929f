/** The command line. Loads only the file of the command that was asked for: `pancode ps` must cost little more than starting Node. */
import path from 'node:path';
import { Command, CommanderError } from 'commander';
import { EXIT, PanError } from '../protocol/error.ts';
import { MODES, SAFETY_LEVELS } from '../protocol/words.ts';
import { createClient } from './client.ts';
import { type CommandContext, type CommandFile, type GlobalOptions, listed, modeFlag, safetyFlag } from './command.ts';
import { readEnvironment } from './environment.ts';
import { createOutput, reportError } from './output.ts';
import { VERSION } from './version.ts';

type Load = () => Promise<CommandFile>;

/** Every command by the heading it stands under in `pancode --help`. */
const GROUPS: Record<string, Record<string, Load>> = {
  'Work:': {
    dispatch: () => import('./commands/dispatch.ts'),
    ps: () => import('./commands/ps.ts'),
    logs: () => import('./commands/logs.ts'),
    wait: () => import('./commands/wait.ts'),
    cancel: () => import('./commands/cancel.ts'),
    send: () => import('./commands/send.ts'),
    questions: () => import('./commands/questions.ts'),
    approve: () => import('./commands/approve.ts'),
    deny: () => import('./commands/deny.ts'),
    answer: () => import('./commands/answer.ts'),
  },
  'What came of it:': {
    diff: () => import('./commands/diff.ts'),
    apply: () => import('./commands/apply.ts'),
    undo: () => import('./commands/undo.ts'),
    discard: () => import('./commands/discard.ts'),
    salvage: () => import('./commands/salvage.ts'),
    prune: () => import('./commands/prune.ts'),
  },
  'Records:': {
    receipts: () => import('./commands/receipts.ts'),
    costs: () => import('./commands/costs.ts'),
  },
  'The fleet:': {
    fleet: () => import('./commands/fleet.ts'),
    models: () => import('./commands/models.ts'),
    cordon: () => import('./commands/cordon.ts'),
    uncordon: () => import('./commands/uncordon.ts'),
    agents: () => import('./commands/agents.ts'),
    prompt: () => import('./commands/prompt.ts'),
  },
  'Set-up:': {
    config: () => import('./commands/config.ts'),
    preset: () => import('./commands/preset.ts'),
    doctor: () => import('./commands/doctor.ts'),
    daemon: () => import('./commands/daemon.ts'),
    completion: () => import('./commands/completion.ts'),
    'completion-words': () => import('./commands/completion-words.ts'),
    sandbox: () => import('./commands/sandbox.ts'),
    demo: () => import('./commands/demo.ts'),
  },
};
const FILES: Record<string, Load> = Object.assign({}, ...Object.values(GROUPS));

const argv = process.argv.slice(2);
let exit: number = EXIT.ok;
// Whoever reads us has enough (`pancode receipts | head -1`): that is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(exit);
});
void main(argv)
  .catch((error: unknown) => reportError(error, argv.includes('--json'), argv.includes('--debug')))
  .then((code) => {
    process.exitCode = code;
  });

async function main(args: string[]): Promise<number> {
  const environment = readEnvironment(process.env);
  const program = new Command('pancode');
  const options = (): GlobalOptions => {
    const given = program.opts<{
      cwd?: string;
      json?: boolean;
      mode?: string;
      safety?: string;
      preset?: string;
      color?: boolean;
      debug?: boolean;
    }>();
    return {
      cwd: path.resolve(given.cwd ?? '.'),
      json: given.json ?? false,
      mode: modeFlag(given.mode),
      safety: safetyFlag(given.safety),
      preset: given.preset,
      color: environment.color && given.color !== false && process.stdout.isTTY,
      debug: given.debug ?? false,
    };
  };
  const context: CommandContext = {
    environment,
    options,
    output: () => createOutput(options().json, options().color),
    client: createClient(environment),
    clientContext: async () => (await import('./client-context.ts')).clientContext(environment, options()),
    exit: (code) => {
      exit = code;
    },
  };
  const name = commandName(args);
  program
    .description(
      'One fleet, one dispatch, one safety model and one ledger for the coding agents and models on this machine.',
    )
    .version(VERSION)
    .option('--cwd <dir>', 'work in DIR instead of the current directory')
    .option('--json', 'print one JSON document on stdout and nothing else')
    .addOption(listed('--mode <mode>', 'mode for this command', MODES))
    .addOption(listed('--safety <level>', 'safety level for this command', SAFETY_LEVELS))
    .option('--preset <name>', 'use a preset for this command')
    .option('--no-color', 'no colours')
    .option('--debug', 'print a stack with errors')
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true })
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
  // A shell's completion and the help of everything speak of all commands, any other run of one.
  const all = name === 'completion' || (!name && args.some((arg) => ['-h', '--help'].includes(arg)));
  for (const [heading, commands] of Object.entries(GROUPS)) {
    program.commandsGroup(heading);
    for (const command of Object.keys(commands))
      if (all || name === command) (await commands[command]?.())?.register(program, context);
  }
  for (const command of program.commands) command.helpCommand(false);
  program.action(async () => {
    exit = await (await import('./bare.ts')).bare(context);
  });
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
    const { args: words = [], commands: parts = [] } = program.commands.find((each) => each.name() === name) ?? {};
    const word = words[0];
    if (error.code === 'commander.excessArguments' && word !== undefined && parts.length > 0) {
      const { didYouMean } = await import('../core/nearest.ts');
      throw new PanError(
        'unknown-command',
        `There is no \`pancode ${name} ${word}\`. ${didYouMean(
          word,
          parts.map((part) => part.name()),
        )}`,
        `See \`pancode ${name} --help\`.`,
      );
    }
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
