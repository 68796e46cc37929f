/** The agents by name, and the rules by which a project may narrow them. */
import { createHash } from 'node:crypto';
import type { Agent } from '../protocol/agent.ts';
import type { Config } from '../protocol/config.ts';
import { PanError } from '../protocol/error.ts';
import { didYouMean } from './nearest.ts';
import { PROJECT_MARK } from './prompt-parts.ts';

/** Throws PanError (exit 2) with the nearest name. */
export function findAgent(agents: readonly Agent[], name: string): Agent {
  const agent = agents.find((candidate) => candidate.name === name);
  if (agent) return agent;
  throw new PanError(
    'unknown-agent',
    `There is no agent "${name}". ${didYouMean(
      name,
      agents.map((candidate) => candidate.name),
    )}`,
    'Run `pancode agents` for all of them.',
  );
}

/** Throws PanError (exit 2) where `agents` or `after` of the configuration names an agent that does not exist, or a review by a writer. */
export function checkAgentNames(config: Pick<Config, 'agents' | 'after'>, agents: readonly Agent[]): void {
  const check = (key: string, name: string): Agent => {
    const agent = agents.find((candidate) => candidate.name === name);
    if (agent) return agent;
    throw new PanError(
      'unknown-agent',
      `The configuration names an unknown agent "${name}" in ${key}. ${didYouMean(
        name,
        agents.map((one) => one.name),
      )}`,
      'Correct the configuration; `pancode agents` lists all of them.',
    );
  };
  for (const name of Object.keys(config.agents)) check('agents', name);
  for (const [name, reviews] of Object.entries(config.after)) {
    check('after', name);
    for (const reviewer of reviews)
      if (!check(`after.${name}`, reviewer).readonly)
        throw new PanError(
          'writer-as-review',
          `after.${name} names "${reviewer}", which writes: a required review is done by a read-only agent.`,
          'Name a read-only agent there, such as reviewer.',
        );
  }
}

/** What a project adds to an agent: text of its own, marked as the project's, and at most the read-only flag. `file` is the whole file. */
export function narrowAgent(agent: Agent, project: { prompt: string; readonly: boolean; file: string }): Agent {
  return {
    ...agent,
    readonly: agent.readonly || project.readonly,
    prompt: project.prompt.trim() === '' ? agent.prompt : `${agent.prompt}\n${PROJECT_MARK}\n${project.prompt.trim()}`,
    sha256: createHash('sha256').update(agent.sha256).update('\0').update(project.file).digest('hex'),
    source: 'project',
  };
}
