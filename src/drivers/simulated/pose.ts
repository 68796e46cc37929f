/** The simulated model as a local engine: how a script describes it, and what an engine adds to the models' answers. */
import * as z from 'zod';
import type { Wire } from '../../protocol/words.ts';
import type { Asked } from './conversation.ts';
import type { Dialect } from './wire.ts';

/** `lmstudio` has the API v1 besides v0; `lmstudio-v0` is an earlier version without it. */
export const ENGINES = ['ollama', 'lmstudio', 'lmstudio-v0', 'llamacpp'] as const;
export type EngineName = (typeof ENGINES)[number];

const Model = z.strictObject({
  id: z.string().min(1),
  /** Tokens of the window in use once it is loaded, and of the one it was trained with. */
  context: z.number().int().positive().default(8_192),
  trainedContext: z.number().int().positive().default(40_960),
  tools: z.boolean().default(true),
  loaded: z.boolean().default(true),
  /** Ollama: it runs at ollama.com and not here. */
  remote: z.boolean().default(false),
  embedding: z.boolean().default(false),
});
export type PosedModel = z.infer<typeof Model>;

const Full = z.strictObject({
  engine: z.enum(ENGINES),
  /** What it says of its version, in the engine's own form. */
  version: z.string().min(1).optional(),
  /** An earlier version of its API, without what came later (docs/simulated-model.md lists it). */
  old: z.boolean().default(false),
  models: z.array(Model).min(1).optional(),
});
export type Pose = z.infer<typeof Full>;

/** The engine's name alone stands for an engine with one loaded model. */
export const Pose = z.preprocess((given) => (typeof given === 'string' ? { engine: given } : given), Full);

export interface EngineAnswer {
  status: number;
  /** Text is sent as it is. */
  body: object | string;
}

export interface EngineRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  body: unknown;
}

/** What becomes of a model request before the script answers it. */
export type Admitted =
  | { refused: EngineAnswer }
  /** `asked`: what the model sees of it. `prompt`: the tokens that are. `cut`: it was longer. */
  | { asked: Asked; prompt: number; cut: boolean };

export interface Engine {
  readonly wires: readonly Wire[];
  readonly dialect: Dialect;
  /** Its own routes, and what it says to one it does not know. */
  answer(request: EngineRequest): EngineAnswer;
  /** `requestTokens`: size of the whole request. May load the model, as the real one does. */
  admit(asked: Asked, requestTokens: number): Admitted;
}

/** The models of a pose; one of that name where it names none. */
export const modelsOf = (pose: Pose, id: string): PosedModel[] => pose.models ?? [Model.parse({ id })];

/** Fixed times, so that the same script gives the same bytes. */
export const MODIFIED = '2026-01-01T00:00:00.000000000Z';
export const CREATED = 1_700_000_000;
