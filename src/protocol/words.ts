/** The closed sets of words every part shares: modes, levels, statuses, states, grades. */

export const MODES = ['plan', 'review', 'build'] as const;
export type Mode = (typeof MODES)[number];

export const SAFETY_LEVELS = ['suggest', 'auto-edit', 'full-auto'] as const;
export type Safety = (typeof SAFETY_LEVELS)[number];

export const TIERS = ['any', 'small', 'mid', 'frontier'] as const;
export type Tier = (typeof TIERS)[number];

export const SPEEDS = ['fast', 'balanced', 'thorough'] as const;

/** How a dispatch ended. Decided by PanCode from terminal event, tree and check, never from an exit code or a claim alone. */
export const STATUSES = [
  'succeeded',
  'no-change',
  'failed',
  'verify-failed',
  'needs-approval',
  'refused',
  'denied',
  'conflict',
  'cancelled',
  'timed-out',
  'over-budget',
  'rate-limited',
  'auth-required',
  'crashed',
  'lost',
] as const;
export type Status = (typeof STATUSES)[number];

/** Where a dispatch is now. Derived from its events and from process facts, never stored. */
export const LIVE_STATES = [
  'queued',
  'starting',
  'working',
  'waiting-question',
  'waiting-limit',
  'stalled',
  'verifying',
  'reviewing',
  'applying',
  'ending',
] as const;
export type LiveState = (typeof LIVE_STATES)[number];

/** Path classes of a change: see core/policy/paths.ts. */
export const PATH_CLASSES = ['ordinary', 'protected', 'forbidden'] as const;
export type PathClass = (typeof PATH_CLASSES)[number];

/** What a tool call does, stated by the tool or runtime itself, so that nothing is missing from a table. */
export const ACTION_CLASSES = [
  'file.read',
  'file.write',
  'command.run',
  'search',
  'network',
  'delegate',
  'ask',
  'other',
] as const;
export type ActionClass = (typeof ACTION_CLASSES)[number];

/** Model wire formats the gateway can meter. */
export const WIRES = ['anthropic-messages', 'openai-responses', 'openai-chat', 'gemini'] as const;
export type Wire = (typeof WIRES)[number];

export const RUNTIME_STATES = ['ready', 'auth-required', 'unavailable', 'unsupported', 'cordoned'] as const;
export type RuntimeState = (typeof RUNTIME_STATES)[number];
