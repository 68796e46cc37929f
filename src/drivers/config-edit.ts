/** Changes one key of the user's configuration file and nothing else of it. */
import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { mergeConfig } from '../core/config.ts';
import { EXIT, PanError } from '../protocol/error.ts';
import { writeAtomic } from './atomic-file.ts';
import { parseConfig, parseYaml, userConfigFile } from './config.ts';
import { configPath } from './config-schema.ts';
import { readConfigText } from './config-text.ts';
import { takeLock } from './lock.ts';

/** How long another change of the same file may take, ms. */
const BUSY_MS = 10_000;

/** How a value is given: `yaml` reads `5`, `null` or `[a, b]` as YAML and what is no YAML as a string; `text` takes the words as they are. */
export type ValueForm = 'yaml' | 'text';

/**
 * Keeps comments, order, line ends and a byte order mark. The whole file is checked before it is replaced, atomically, through a link where
 * the file is one. One change at a time. Throws PanError (exit 2) and changes nothing where key or value is wrong. Returns the value as written.
 */
export async function setConfigValue(
  places: { configDir: string; lockFile: string },
  dotted: string,
  value: string,
  form: ValueForm = 'yaml',
): Promise<unknown> {
  const path = configPath(dotted);
  const file = userConfigFile(places.configDir);
  const lock = await waitForLock(places.lockFile, file);
  try {
    const before = (await readConfigText(file)) ?? '';
    const { text, written } = await edited(file, before, path, value, form);
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    await writeAtomic(stat ? fs.realpathSync(file) : file, text, stat ? stat.mode & 0o777 : undefined);
    return written;
  } finally {
    lock.release();
  }
}

async function edited(file: string, before: string, path: string[], value: string, form: ValueForm) {
  const { isMap, isNode, parseDocument } = await import('yaml');
  // A wrong value may be what is corrected here; what is no YAML cannot be changed in part.
  const held = await parseYaml(file, before);
  if (typeof held !== 'object' || Array.isArray(held))
    throw new PanError('config-yaml', `${file} does not hold keys and values.`, `Correct ${file}.`);
  const mark = before.startsWith('\uFEFF') ? '\uFEFF' : '';
  const document = parseDocument(before.slice(mark.length), { uniqueKeys: false });
  const parsed = parseDocument(value);
  const plain: unknown = form === 'text' || parsed.errors.length > 0 ? value : parsed.toJS();
  // `setIn` needs every step to be a map; a section written as `budget:` alone is an empty value.
  for (let depth = 1; depth < path.length; depth++)
    if (!isMap(document.getIn(path.slice(0, depth), true)))
      document.setIn(path.slice(0, depth), document.createNode({}));
  const textWith = async (candidate: unknown): Promise<string> => {
    const node = document.createNode(candidate);
    // The comment beside a value belongs to its line, not to the value.
    const old: unknown = document.getIn(path, true);
    if (isNode(old)) Object.assign(node, { comment: old.comment, commentBefore: old.commentBefore });
    document.setIn(path, node);
    const text = document.toString();
    mergeConfig({ user: await parseConfig(file, 'user', text), project: {}, flags: {}, projectFile: '' });
    return mark + (before.includes('\r\n') ? text.replaceAll('\n', '\r\n') : text);
  };
  return firstValid(plain === value ? [value] : [plain, value], textWith);
}

/** A command such as `npm run a: b` reads as a YAML map where a string is meant: the words as they were typed are tried second. */
async function firstValid(
  candidates: unknown[],
  textWith: (value: unknown) => Promise<string>,
): Promise<{ text: string; written: unknown }> {
  let fault: unknown;
  for (const written of candidates)
    try {
      return { text: await textWith(written), written };
    } catch (error) {
      fault ??= error;
    }
  throw fault;
}

async function waitForLock(lockFile: string, file: string): Promise<{ release(): void }> {
  const deadline = performance.now() + BUSY_MS;
  for (;;) {
    const lock = takeLock(lockFile);
    if (lock) return lock;
    if (performance.now() > deadline)
      throw new PanError(
        'config-busy',
        `Another pancode is changing ${file}.`,
        'Wait until it has ended, and run the command again.',
        EXIT.failed,
      );
    await delay(20);
  }
}
