/**
 * Names of the variables a configuration speaks of (`apiKeyEnv`, `env.pass`), wherever they stand in the file, presets included.
 * Lenient on purpose: whether the file is valid is the daemon's to say, with the key and the nearest valid one.
 */
import fs from 'node:fs';
import path from 'node:path';

/** A larger file is refused by whoever reads it whole. */
const MAX_BYTES = 2 ** 18;

export async function keyNames(configDir: string): Promise<string[]> {
  const file = path.join(configDir, 'config.yaml');
  const text = textOf(file);
  if (!/apiKeyEnv|pass/.test(text)) return []; // reading YAML takes a client longer than its request
  const { parse } = await import('yaml');
  try {
    return collect(parse(text, { logLevel: 'silent' }));
  } catch {
    // Not YAML: the daemon reads the same file and refuses it with the reason.
    return [];
  }
}

function textOf(file: string): string {
  try {
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    return stat?.isFile() && stat.size <= MAX_BYTES ? fs.readFileSync(file, 'utf8') : '';
  } catch {
    // Unreadable: the daemon reads the same file and refuses it with the reason.
    return '';
  }
}

function collect(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(collect);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => {
    if (key === 'apiKeyEnv' && typeof member === 'string') return [member];
    if (key === 'pass' && Array.isArray(member)) return member.filter((name) => typeof name === 'string');
    return collect(member);
  });
}
