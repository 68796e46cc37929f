/** Reads the agent files: shipped, the user's, and what the project adds to them. */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type * as z from 'zod';
import { narrowAgent } from '../core/agents.ts';
import { didYouMean } from '../core/nearest.ts';
import { PROJECT_MARK } from '../core/prompt-parts.ts';
import { type Agent, AgentFrontMatter } from '../protocol/agent.ts';
import { PanError } from '../protocol/error.ts';
import { readBounded } from './bounded-read.ts';

const MAX_BYTES = 256 * 1024;

export interface LoadedAgents {
  /** Sorted by name. */
  agents: Agent[];
  /** Text of the policy every worker inherits. */
  constitution: string;
}

/**
 * A user's file replaces the shipped agent of the same name; a project's `.pancode/agents/NAME.md` adds its text and may set
 * `readonly: true`. `projectRoot`: real path, null outside a project. Throws PanError (exit 2) that names file and key.
 */
export async function loadAgents(places: {
  shippedDir: string;
  configDir: string;
  projectRoot: string | null;
}): Promise<LoadedAgents> {
  const userDir = join(places.configDir, 'agents');
  const projectDir = places.projectRoot === null ? null : join(places.projectRoot, '.pancode', 'agents');
  const [shipped, user, project] = await Promise.all([
    markdownFiles(places.shippedDir, null),
    markdownFiles(userDir, null),
    projectDir === null ? [] : markdownFiles(projectDir, places.projectRoot),
  ]);
  const agents = new Map<string, Agent>();
  let constitution = '';
  for (const { file, text } of shipped) {
    const parsed = await frontMatter(file, text);
    if ((parsed.data as { kind?: unknown }).kind === 'constitution') constitution = parsed.body;
    else add(agents, await parseAgent(file, text, 'shipped'), file, 'shipped');
  }
  for (const { file, text } of user) add(agents, await parseAgent(file, text, 'user'), file, 'user');
  for (const { file, name, text } of project) {
    const agent = agents.get(name);
    if (!agent)
      throw new PanError(
        'unknown-agent',
        `${file} adds to an agent "${name}" that does not exist. ${didYouMean(name, [...agents.keys()])}`,
        'Rename the file after an existing agent, or define the agent in your own configuration directory: a project may only narrow.',
      );
    agents.set(name, narrowAgent(agent, { ...(await parseProjectAgent(file, text)), file: text }));
  }
  return { agents: [...agents.values()].sort((a, b) => (a.name < b.name ? -1 : 1)), constitution };
}

function add(agents: Map<string, Agent>, agent: Agent, file: string, source: Agent['source']): void {
  if (agents.get(agent.name)?.source === source)
    throw new PanError(
      'agent-file',
      `${file}: another file already defines the agent "${agent.name}".`,
      `Rename or remove ${file}.`,
    );
  agents.set(agent.name, agent);
}

interface AgentFile {
  file: string;
  /** File name without `.md`. */
  name: string;
  text: string;
}

async function markdownFiles(dir: string, inside: string | null): Promise<AgentFile[]> {
  let names: string[];
  try {
    names = await readdir(dir);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw new PanError('agent-file', `${dir} cannot be read (${code}).`, `Make ${dir} readable.`, 2, error);
  }
  const wanted = names.filter((name) => name.endsWith('.md')).sort();
  return Promise.all(
    wanted.map(async (name) => {
      const file = join(dir, name);
      const read = await readBounded(file, MAX_BYTES, inside);
      if (read === null || read.cut)
        throw new PanError(
          'agent-file',
          read === null
            ? `${file} is not a readable file${inside === null ? '' : ' inside the project'}.`
            : `${file} is larger than 256 kB.`,
          `Correct or remove ${file}.`,
        );
      return { file, name: name.slice(0, -'.md'.length), text: read.text };
    }),
  );
}

async function frontMatter(file: string, source: string): Promise<{ data: unknown; body: string }> {
  const text = source.replace(/^\uFEFF/, '').replace(/\r\n/g, '\n');
  const match = /^---[ \t]*\n([\s\S]*?)(?:^|\n)---[ \t]*(?:\n|$)/.exec(text);
  if (!match) return { data: {}, body: text.trim() };
  const { parseDocument } = await import('yaml'); // 6 ms, which a start does without
  const document = parseDocument(match[1]!);
  const fault = document.errors[0];
  if (fault)
    throw new PanError(
      'agent-file',
      `${file}: the front matter is not valid YAML: ${fault.message.split('\n')[0]}`,
      `Correct ${file}.`,
    );
  return { data: document.toJS({ maxAliasCount: 10 }) ?? {}, body: text.slice(match[0].length).trim() };
}

/** One agent file of the user's or ours. Throws PanError (exit 2). */
export async function parseAgent(file: string, text: string, source: 'shipped' | 'user'): Promise<Agent> {
  const { data, body } = await frontMatter(file, text);
  const result = AgentFrontMatter.safeParse(data);
  if (!result.success) throw agentIssue(file, result.error.issues[0]!, data);
  if (body === '')
    throw new PanError('agent-file', `${file} has no prompt below its front matter.`, `Write the prompt into ${file}.`);
  return {
    ...result.data,
    prompt: body.replaceAll(PROJECT_MARK, ''),
    sha256: createHash('sha256').update(text).digest('hex'),
    source,
  };
}

async function parseProjectAgent(file: string, text: string): Promise<{ prompt: string; readonly: boolean }> {
  const { data, body } = await frontMatter(file, text);
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    throw new PanError('agent-file', `${file}: the front matter does not hold keys and values.`, `Correct ${file}.`);
  for (const [key, value] of Object.entries(data))
    if (key !== 'readonly' || value !== true)
      throw new PanError(
        'project-key',
        `${file} may not set ${key}${key === 'readonly' ? ` to ${JSON.stringify(value)}` : ''}: a project's agent file may hold prompt text and \`readonly: true\` only.`,
        `Remove ${key} from ${file}, or define the agent in your own configuration directory.`,
      );
  return { prompt: body, readonly: Object.hasOwn(data, 'readonly') };
}

function agentIssue(file: string, issue: z.core.$ZodIssue, data: unknown): PanError {
  const edit = `Correct the front matter of ${file}.`;
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0]!;
    const guess = didYouMean(key, Object.keys(AgentFrontMatter.unwrap().shape));
    return new PanError('agent-file', `${file}: unknown key "${key}". ${guess}`, edit);
  }
  const key = issue.path.join('.');
  const given = issue.path.reduce<unknown>(
    (value, part) => (value as Record<PropertyKey, unknown> | null)?.[part],
    data,
  );
  if (given === undefined && key !== '')
    return new PanError('agent-file', `${file}: the key "${key}" is missing.`, edit);
  const values = issue.code === 'invalid_value' ? issue.values.map(String) : [];
  const fault =
    values.length > 0 ? `it is ${JSON.stringify(given)}, which is none of ${values.join(', ')}.` : `${issue.message}.`;
  const guess = values.length > 0 && typeof given === 'string' ? ` ${didYouMean(given, values)}` : '';
  return new PanError(
    'agent-file',
    `${file}: ${key === '' ? 'the front matter' : key} is wrong: ${fault}${guess}`,
    edit,
  );
}
