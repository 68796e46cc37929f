/** `pancode completion-words WHAT`, not listed: words that a completion script asks for when a key is pressed, one a line. */
import path from 'node:path';
import type { Command } from 'commander';
import { bundleDir } from '../assets.ts';
import { sendIfRunning } from '../client.ts';
import { type CommandContext, examples, oneOf } from '../command.ts';
import { WORD_KINDS, type WordKind } from '../completion/tree.ts';

/** Names may come from a server or a file: one that a shell would read as more than a word is not offered. */
const PLAIN = /^[\w./:@+-]+$/;

export function register(program: Command, context: CommandContext): void {
  program
    .command('completion-words <what>', { hidden: true })
    .description('words for a completion script, one a line')
    .addHelpText('after', examples('pancode completion-words agents'))
    .action(async (name: string) => {
      const words = await wordsOf(oneOf('The kind of words', name, WORD_KINDS) as WordKind, context);
      const plain = words.filter((word) => PLAIN.test(word));
      context.output().document({ words: plain }, () => plain.join('\n'));
    });
}

/** Nothing is started for a key press: what only the daemon knows is left out where none runs. */
async function wordsOf(what: WordKind, context: CommandContext): Promise<string[]> {
  const ask = async <T>(target: string): Promise<T | null> => {
    const response = await sendIfRunning(context.environment, 'GET', target);
    if (!response) return null;
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk;
    return response.statusCode === 200 ? (JSON.parse(text) as T) : null;
  };
  if (what === 'ids') {
    const live = await ask<{ dispatches: { id: string }[] }>('/v1/dispatches');
    const done = await ask<{ receipts: { id: string }[] }>('/v1/receipts?limit=20');
    return [...new Set([...(live?.dispatches ?? []), ...(done?.receipts ?? [])].map(({ id }) => id))];
  }
  if (what === 'workers') return (await ask<{ workers: string[] }>('/v1/receipt-names'))?.workers ?? [];
  const { projectRootOf } = await import('../../drivers/project-root.ts');
  const projectRoot = projectRootOf(context.options().cwd);
  const configDir = context.environment.roots.config;
  if (what === 'presets') {
    const { loadConfig } = await import('../../drivers/config.ts');
    const { SHIPPED_PRESETS } = await import('../../core/presets.ts');
    const { config } = await loadConfig({ configDir, projectRoot, flags: {} });
    return Object.keys({ ...SHIPPED_PRESETS, ...config.presets });
  }
  if (what === 'keys') return (await import('../../drivers/config-schema.ts')).configKeys();
  const { loadAgents } = await import('../../drivers/agents.ts');
  const shippedDir = path.join(bundleDir(), '..', 'agents');
  const { agents } = await loadAgents({ shippedDir, configDir, projectRoot });
  return agents.map((agent) => agent.name);
}
