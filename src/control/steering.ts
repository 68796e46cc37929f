/** What a person tells a running agent: one after the other, each in the journal before the agent hears it. */
import type { RunHost } from '../core/contracts.ts';
import type { NewEvent } from '../drivers/store/journal.ts';

const TOO_LATE = 'The agent has ended.';

export interface Steering {
  /** For the runtime's host. */
  onSteer: RunHost['onSteer'];
  /** Why the agent cannot be told; null where it will see it before its next model request. An agent that is still starting is waited for. */
  tell(text: string): Promise<string | null>;
  /** The agent has ended: it hears nothing any more. */
  close(): void;
}

export function createSteering(emit: (event: NewEvent) => void): Steering {
  const taker = Promise.withResolvers<((text: string) => Promise<string | null>) | null>();
  const closed = Promise.withResolvers<string>();
  let over = false;
  let last: Promise<unknown> = Promise.resolve();
  const tellNow = async (text: string): Promise<string | null> => {
    const take = await taker.promise;
    if (!take || over) return TOO_LATE;
    emit({ type: 'steer', text });
    const refused = await Promise.race([take(text), closed.promise]);
    if (refused !== null) emit({ type: 'notice', text: `The agent was not told: ${refused}` });
    return refused;
  };
  return {
    onSteer: (take) => taker.resolve(take),
    tell(text) {
      const told = last.then(() => tellNow(text));
      last = told.catch(() => {}); // whoever told it hears; what waits behind it goes on
      return told;
    },
    close() {
      over = true;
      taker.resolve(null);
      closed.resolve(TOO_LATE);
    },
  };
}
