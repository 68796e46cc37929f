/** `send`: a person's words on their way to a running agent, or why they cannot get there. */
import type { Runtime } from '../core/contracts.ts';
import { dispatchPlaces } from '../core/places.ts';
import { steerShim } from '../drivers/shim-process.ts';
import { EXIT, PanError } from '../protocol/error.ts';
import type { Job } from '../protocol/job.ts';

/** `job`: of a dispatch without a receipt; null where it has one. Returns when the agent is sure to see it before its next model request. */
export async function steer(
  job: Job | null,
  id: string,
  text: string,
  parts: { roots: { state: string }; runtimes: Runtime[] },
): Promise<void> {
  if (!job) throw refusal('ended', `Dispatch ${id} has ended.`, nextOf(id));
  const runtime = parts.runtimes.find((one) => one.id === job.worker.runtime);
  if (!runtime?.can.steer)
    throw refusal(
      'cannot-steer',
      `${job.worker.runtime} cannot be told anything while it runs.`,
      `Wait for it with \`pancode wait ${id}\` and go on with \`pancode dispatch … --on ${id}\`, or stop it with \`pancode cancel ${id}\`.`,
    );
  let refused: string | null;
  try {
    refused = await steerShim(dispatchPlaces(parts.roots.state, id), text);
  } catch {
    // No shim listens: it has not begun, or is through.
    throw refusal(
      'not-working',
      `The agent of ${id} does not work now.`,
      `See its state with \`pancode ps\`; once it has ended, ${nextOf(id)}`,
    );
  }
  if (refused !== null) throw refusal('not-told', `The agent of ${id} was not told: ${refused}`, nextOf(id));
}

const nextOf = (id: string) => `go on from its result with \`pancode dispatch AGENT TASK --on ${id}\`.`;

const refusal = (code: string, what: string, next: string) =>
  new PanError(code, what, `${next.charAt(0).toUpperCase()}${next.slice(1)}`, EXIT.refused);
