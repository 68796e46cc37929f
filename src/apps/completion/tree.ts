/** The command line as shells need to know it, read from the program that parses it. */
import type { Argument, Command, Option } from 'commander';

/** Words that change from day to day: `pancode completion-words KIND` prints them. */
export const WORD_KINDS = ['ids', 'workers', 'agents', 'presets', 'keys'] as const;
export type WordKind = (typeof WORD_KINDS)[number];

/** What may stand in a place: one of a closed set, words of a kind, a path, or anything (nothing is offered). */
export type Offer = { choices: string[] } | { words: WordKind } | 'directory' | 'file' | 'anything';

export interface OptionNode {
  /** `--follow`, `-f`. */
  names: string[];
  description: string;
  /** null: it takes no value. */
  value: Offer | null;
}

export interface CommandNode {
  /** Names from the top: `receipts show`; '' is the program itself. */
  path: string;
  name: string;
  description: string;
  options: OptionNode[];
  /** Of each argument in turn; the last one repeats where it takes several. */
  args: Offer[];
  variadic: boolean;
  commands: CommandNode[];
}

/** By the name of an argument or option, which says what it holds. */
const OFFERS: Record<string, Offer> = {
  id: { words: 'ids' },
  on: { words: 'ids' },
  continue: { words: 'ids' },
  worker: { words: 'workers' },
  agent: { words: 'agents' },
  preset: { words: 'presets' },
  key: { words: 'keys' },
  dir: 'directory',
  file: 'file',
  paths: 'file',
};

export function completionTree(command: Command, above: string[] = []): CommandNode {
  const path = above.join(' ');
  const shown = command.createHelp().visibleCommands(command);
  const help = command.createHelp();
  return {
    path,
    name: command.name(),
    description: command.description(),
    options: help.visibleOptions(command).map(optionNode),
    args: command.registeredArguments.map(argumentOffer),
    variadic: command.registeredArguments.at(-1)?.variadic ?? false,
    commands: shown.map((child) => completionTree(child, [...above, child.name()])),
  };
}

function optionNode(option: Option): OptionNode {
  const names = [option.long, option.short].filter((name) => name !== undefined && name !== null);
  const placeholder = /[<[]([\w-]+)/.exec(option.flags)?.[1];
  const takes = option.required || option.optional;
  const offer = OFFERS[option.name()] ?? (placeholder === 'id' ? 'anything' : OFFERS[placeholder ?? '']) ?? 'anything';
  const value = option.argChoices ? { choices: option.argChoices } : offer;
  return { names, description: option.description, value: takes ? value : null };
}

const argumentOffer = (argument: Argument): Offer =>
  argument.argChoices ? { choices: argument.argChoices } : (OFFERS[argument.name()] ?? 'anything');

export const allCommands = (node: CommandNode): CommandNode[] => [node, ...node.commands.flatMap(allCommands)];
