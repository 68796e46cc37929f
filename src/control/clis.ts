/** The agent CLIs PanCode looks for, and how one without an adapter is described. */
import type { ProbeHost, Runtime, RuntimeProbe } from '../core/contracts.ts';
import type { Capabilities } from '../protocol/fleet.ts';

const PROGRAMS: Record<string, string> = {
  'claude-code': 'claude',
  codex: 'codex',
  gemini: 'gemini',
  opencode: 'opencode',
  copilot: 'copilot',
};

/** What a runtime without an adapter can do. */
export const NOTHING: Capabilities = {
  questions: false,
  readonly: false,
  resume: false,
  steer: false,
  usage: false,
  models: false,
  effort: false,
  systemPrompt: false,
  interrupt: false,
};

/** What discovery needs of a runtime, with or without an adapter. */
export type Findable = Pick<Runtime, 'id' | 'can' | 'programs' | 'wire' | 'probe'> & { adapter: boolean };

/** The runtimes given, then every known CLI none of them is for. */
export function findables(runtimes: readonly Runtime[]): Findable[] {
  const own = runtimes.map((runtime) => ({
    id: runtime.id,
    can: runtime.can,
    programs: runtime.programs,
    wire: runtime.wire,
    probe: (program: string, host: ProbeHost) => runtime.probe(program, host),
    adapter: true,
  }));
  const rest = Object.entries(PROGRAMS).filter(([id]) => !runtimes.some((runtime) => runtime.id === id));
  return [
    ...own,
    ...rest.map(([id, program]) => ({
      id,
      can: NOTHING,
      programs: [program],
      wire: null,
      probe: askVersion,
      adapter: false,
    })),
  ];
}

async function askVersion(program: string, host: ProbeHost): Promise<RuntimeProbe> {
  const answer = await host.run(program, ['--version'], { timeoutMs: 5_000 });
  const version = answer.code === 0 ? versionIn(answer.stdout) : null;
  return { version, state: 'unsupported', reason: 'found; its adapter is not built yet', installRoots: [], models: [] };
}

/** The first thing in the first lines that looks like a version; null where nothing does. */
function versionIn(text: string): string | null {
  return (
    /(?:^|[\sv@/(])(\d{1,6}\.\d{1,6}(?:\.\d{1,9})?(?:-[0-9A-Za-z.]{1,30})?)(?=$|[\s,)])/m.exec(
      text.slice(0, 1_000),
    )?.[1] ?? null
  );
}
