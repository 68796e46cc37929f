/** `pancode completion bash|zsh|fish`: the script that makes a shell complete commands, options, values, dispatches and workers. */
import { Argument, type Command } from 'commander';
import { type CommandContext, examples, oneOf } from '../command.ts';
import { bashScript, fishScript, zshScript } from '../completion/scripts.ts';
import { completionTree } from '../completion/tree.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

export function register(program: Command, context: CommandContext): void {
  const shell = new Argument('<shell>', 'the shell to complete in');
  shell.argChoices = [...SHELLS];
  program
    .command('completion')
    .description('print a script that lets your shell complete pancode')
    .addArgument(shell)
    .addHelpText(
      'after',
      examples(
        'source <(pancode completion bash)                 # in ~/.bashrc',
        'source <(pancode completion zsh)                  # in ~/.zshrc, after compinit',
        'pancode completion fish | source                  # in ~/.config/fish/config.fish',
      ),
    )
    .action((name: string) => {
      const wanted = oneOf('The shell', name, SHELLS) as (typeof SHELLS)[number];
      const script = { bash: bashScript, zsh: zshScript, fish: fishScript }[wanted](completionTree(program));
      context.output().document({ shell: wanted, script }, () => script);
    });
}
