/** The engine a script poses as. */
import { llamacpp } from './engines/llamacpp.ts';
import { lmstudio } from './engines/lmstudio.ts';
import { ollama } from './engines/ollama.ts';
import type { Engine, EngineName, Pose } from './pose.ts';

const STARTS: Record<EngineName, (pose: Pose) => Engine> = { ollama, lmstudio, 'lmstudio-v0': lmstudio, llamacpp };

export const startEngine = (pose: Pose): Engine => STARTS[pose.engine](pose);
