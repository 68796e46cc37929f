/** What a client brings along with its requests. */
import { keyNames } from '../drivers/key-names.ts';
import type { ClientContext } from '../protocol/api.ts';
import type { GlobalOptions } from './command.ts';
import type { Environment } from './environment.ts';

/** Variables that make a provider ready without any configuration. */
const WELL_KNOWN = ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'GEMINI_API_KEY', 'GOOGLE_API_KEY', 'OLLAMA_HOST'];

export async function clientContext(environment: Environment, options: GlobalOptions): Promise<ClientContext> {
  return {
    cwd: options.cwd,
    path: environment.path,
    home: environment.home,
    shell: environment.shell,
    keys: environment.pick([...WELL_KNOWN, ...(await keyNames(environment.roots.config))]),
    mode: options.mode,
    safety: options.safety,
    preset: options.preset,
  };
}
