/** The apply gate: what happens to a change that is ready, from stance, path classes and shape (design §6, safety-design §1). Pure. */
import type { Stance } from '../../protocol/receipt.ts';
import type { Risk } from './shape.ts';

/** What the gate needs to know of a change. */
export interface GateFacts {
  files: { path: string }[];
  forbidden: { path: string; why: string }[];
  protected: { path: string; why: string; boundary: boolean }[];
  risky: Risk[];
}

export interface ApplyDecision {
  decision: 'apply' | 'ask' | 'never';
  /** One sentence. */
  reason: string;
  /** Paths that ask; [] where nothing does. */
  asking: string[];
}

/** `apply` is false with `--no-apply`. Where one file asks, the whole change waits. */
export function decideApply(stance: Stance, facts: GateFacts, apply: boolean): ApplyDecision {
  if (stance.readonly) return { decision: 'never', reason: 'A read-only dispatch changes nothing.', asking: [] };
  if (!apply) return { decision: 'never', reason: 'Not applied, as asked.', asking: [] };
  const all = facts.files.map((file) => file.path);
  const [first] = facts.forbidden;
  if (first)
    return ask(
      `${first.path} is never applied: ${first.why}. The rest can be, with --except.`,
      facts.forbidden.map((file) => file.path),
    );
  if (stance.mode !== 'build') return ask(`In ${stance.mode} mode every change waits for a person's yes.`, all);
  if (stance.safety === 'suggest') return ask("At the level suggest every change waits for a person's yes.", all);
  const asking = facts.protected.filter((file) => stance.safety === 'auto-edit' || file.boundary);
  const [guarded] = asking;
  if (guarded)
    return ask(
      `${guarded.path} ${guarded.why}${asking.length > 1 ? `, and ${asking.length - 1} more` : ''}: a person must say yes.`,
      asking.map((file) => file.path),
    );
  const [risk] = facts.risky;
  if (risk && stance.safety === 'auto-edit')
    return ask(`The change ${risk.reason}: a person must say yes.`, [
      ...new Set(facts.risky.flatMap((each) => each.paths)),
    ]);
  return { decision: 'apply', reason: `Applied, as the level ${stance.safety} allows.`, asking: [] };
}

function ask(reason: string, asking: string[]): ApplyDecision {
  return { decision: 'ask', reason, asking };
}
