/** What a shim is given of the keys a client brought. */
import type { Job, StartPipe } from '../protocol/job.ts';

/** null where the key of its service is not among them. */
export function startPipe(job: Pick<Job, 'upstream' | 'env'>, keys: Record<string, string>): StartPipe | null {
  const { apiKeyEnv } = job.upstream;
  const apiKey = apiKeyEnv === null ? null : keys[apiKeyEnv];
  if (apiKey === undefined) return null;
  const passed = job.env.pass.flatMap((name) => (keys[name] === undefined ? [] : [[name, keys[name]]]));
  return { apiKey, env: Object.fromEntries(passed) };
}

/** For a job that needs nothing of a client's; null for any other. */
export const keyless = (job: Job): StartPipe | null => (job.env.pass.length === 0 ? startPipe(job, {}) : null);
