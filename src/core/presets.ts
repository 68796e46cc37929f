/** The presets that ship: named layers of configuration between the defaults and the user's file. */
import type { Config } from '../protocol/config.ts';

export const SHIPPED_PRESETS: Config['presets'] = {
  /** Nothing leaves the machine: workers whose model is elsewhere are never chosen. */
  local: { route: { prefer: 'local', never: ['cloud'] } },
  /** Hosted models first; local ones only where nothing else is ready. */
  cloud: { route: { prefer: 'cloud' } },
  /** The agents' own tiers decide: cheap or local workers for scout and documenter, frontier for the builder. */
  hybrid: { route: { prefer: null, escalate: true } },
  /** Look, do not touch: writing agents are refused. */
  'review-only': { mode: 'review' },
};
