/** What a model request says about itself, read from its body. */
import { type Fields, fields, text } from './reading.ts';

export interface PromptFacts {
  model: string | null;
  stream: boolean;
  /** null: the body is no JSON object. The server will say so; it is forwarded as it is. */
  fields: Fields | null;
}

export function readPrompt(body: string): PromptFacts {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return { model: null, stream: false, fields: null };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { model: null, stream: false, fields: null };
  const found = fields(value);
  return { model: text(found.model), stream: found.stream === true, fields: found };
}

/**
 * The body of a Chat Completions request that also asks for usage at the end of its stream; null where nothing is to be added: no stream,
 * or the client has said what it wants. The field goes in front of the text as it came, so that numbers beyond 2^53 and repeated keys
 * arrive as the client wrote them.
 */
export function askForUsage(body: string, facts: PromptFacts): string | null {
  if (!facts.fields || !facts.stream) return null;
  const options = facts.fields.stream_options;
  if (options === undefined) return body.replace('{', '{"stream_options":{"include_usage":true},');
  const said = options !== null && (typeof options !== 'object' || (fields(options).include_usage ?? null) !== null);
  if (said) return null;
  return written({ ...facts.fields, stream_options: { ...fields(options), include_usage: true } });
}

/** Where each wire puts what the model reads: Messages and Chat Completions, Responses, Gemini (which takes both spellings). */
const READ = [
  ['system', 'messages', 'tools'],
  ['instructions', 'input'],
  ['systemInstruction', 'system_instruction', 'contents'],
].flat();
/** Data of images and files, and what only the service itself can read. */
const NO_WORDS = ['data', 'file_data', 'encrypted_content', 'thoughtSignature', 'thought_signature'];

/** UTF-8 bytes of what the model reads: system, messages and tools, without the data of images and files. */
export function promptBytes(body: string): number {
  const { fields: found } = readPrompt(body);
  if (!found) return Buffer.byteLength(body);
  const read = READ.map((name) => found[name]).filter((part) => part !== undefined);
  const spoken = written(read, (key, value) =>
    typeof value === 'string' && (NO_WORDS.includes(key) || value.startsWith('data:')) ? '' : value,
  );
  return Buffer.byteLength(spoken ?? body);
}

/** null: nested too deeply to be written, though it could be read. */
function written(value: unknown, replacer?: (key: string, value: unknown) => unknown): string | null {
  try {
    return JSON.stringify(value, replacer);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
