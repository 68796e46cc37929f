import { describe, expect, it } from 'vitest';
import { checkAgentNames, findAgent, narrowAgent } from '../../src/core/agents.ts';
import type { Agent } from '../../src/protocol/agent.ts';

const agent = (name: string, readonly: boolean): Agent => ({
  name,
  description: 'd',
  readonly,
  tier: 'any',
  speed: 'fast',
  prompt: 'p',
  sha256: 'aa',
  source: 'shipped',
});
const agents = [agent('builder', false), agent('reviewer', true)];

describe('agents', () => {
  it('are found by name, or the nearest is named', () => {
    expect(findAgent(agents, 'builder').name).toBe('builder');
    expect(() => findAgent(agents, 'bilder')).toThrow(
      expect.objectContaining({
        code: 'unknown-agent',
        exit: 2,
        message: 'There is no agent "bilder". Did you mean "builder"?',
      }),
    );
  });

  it('are checked where the configuration names them', () => {
    checkAgentNames({ agents: { builder: { worker: 'x/y' } }, after: { builder: ['reviewer'] } }, agents);
    expect(() => checkAgentNames({ agents: { bilder: { worker: 'x/y' } }, after: {} }, agents)).toThrow(
      /"bilder" in agents.*"builder"/,
    );
    expect(() => checkAgentNames({ agents: {}, after: { builder: ['reviewr'] } }, agents)).toThrow(
      /after\.builder.*"reviewer"/,
    );
    expect(() => checkAgentNames({ agents: {}, after: { builder: ['builder'] } }, agents)).toThrow(/which writes/);
  });

  it('can be narrowed by a project, not widened, and become another agent by it', () => {
    const narrowed = narrowAgent(agents[0]!, { prompt: 'Local.', readonly: true, file: 'f' });
    expect(narrowed).toMatchObject({ readonly: true, source: 'project' });
    expect(narrowed.sha256).not.toBe('aa');
    expect(narrowAgent(agents[1]!, { prompt: '', readonly: false, file: 'f' }).readonly).toBe(true);
  });
});
