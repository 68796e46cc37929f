/** The presets that ship: named layers of configuration between the defaults and the user's file. */
import type { Config } from '../protocol/config.ts';

export const SHIPPED_PRESETS: Config['presets'] = {
  local: { route: { prefer: 'local', never: ['cloud'] } },
  cloud: { route: { prefer: 'cloud' } },
  hybrid: { route: { prefer: null, escalate: true } },
  'review-only': { mode: 'review' },
};

/** What each of them is for. */
export const PRESET_MEANINGS: Record<string, string> = {
  local: 'Nothing leaves the machine: workers whose model is elsewhere are never chosen, named ones refused.',
  cloud: 'Hosted models first; local ones only where nothing else is ready.',
  hybrid: "The agents' own tiers decide: cheap or local workers for scout and documenter, frontier for the builder.",
  'review-only': 'Look, do not touch: writing agents are refused.',
};
