/** What every command gets, and the words all of them share on the command line. */
import { type Command, Option } from 'commander';
import { didYouMean } from '../core/nearest.ts';
import type { ClientContext } from '../protocol/api.ts';
import { PanError } from '../protocol/error.ts';
import { MODES, type Mode, SAFETY_LEVELS, type Safety } from '../protocol/words.ts';
import type { Client } from './client.ts';
import type { Environment } from './environment.ts';
import type { Output } from './output.ts';

export interface GlobalOptions {
  cwd: string;
  json: boolean;
  mode?: Mode;
  safety?: Safety;
  preset?: string;
  color: boolean;
  debug: boolean;
}

export interface CommandContext {
  environment: Environment;
  options(): GlobalOptions;
  output(): Output;
  client: Client;
  /** What a request carries: cwd, PATH, flags, and the values of the key variables the configuration names. */
  clientContext(): Promise<ClientContext>;
  /** Sets the exit status the process ends with. */
  exit(code: number): void;
}

/** One file in commands/: adds its command to the program. Heavy parts are imported inside the action. */
export interface CommandFile {
  register(program: Command, context: CommandContext): void;
}

export function oneOf<T extends string>(flag: string, value: string | undefined, valid: readonly T[]): T | undefined {
  if (value === undefined) return undefined;
  if ((valid as readonly string[]).includes(value)) return value as T;
  throw new PanError(
    'bad-flag',
    `${flag} cannot be "${value}". ${didYouMean(value, valid)}`,
    `Use one of: ${valid.join(', ')}.`,
  );
}

/** An option whose values are listed: in its help and for shells to complete. What it is given is checked where it is used. */
export function listed(flags: string, description: string, values: readonly string[]): Option {
  const option = new Option(flags, description);
  option.argChoices = [...values];
  return option;
}

/** The same, checked: a value that is none of them is refused with the nearest one. */
export function choice(flags: string, description: string, values: readonly string[]): Option {
  const option = listed(flags, description, values);
  return option.argParser((value: string) => oneOf(option.long ?? flags, value, values));
}

/** What stands below a command's options in its help. */
export const examples = (...lines: string[]): string => `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`;

export const modeFlag = (value: string | undefined) => oneOf('--mode', value, MODES);
export const safetyFlag = (value: string | undefined) => oneOf('--safety', value, SAFETY_LEVELS);

/** A number from a flag, or exit 2 with the flag's name. */
export function numberFlag(
  flag: string,
  value: string | undefined,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number) || number < least || number > most)
    throw new PanError(
      'bad-flag',
      `${flag} cannot be "${value}".`,
      most === Number.MAX_SAFE_INTEGER ? `Give a number from ${least}.` : `Give a number from ${least} to ${most}.`,
    );
  return number;
}
