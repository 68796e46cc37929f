/** The hash chain of `receipts.jsonl` (design §8): canonical JSON = keys sorted, no white space. */
import { createHash } from 'node:crypto';
import type { Integrity } from '../protocol/receipt.ts';

/** JSON with sorted keys and no white space; `undefined` members are left out as JSON does. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value))
    return `[${value.map((item) => canonicalJson(item === undefined ? null : item)).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value);
}

/** sha256 of the record's canonical JSON without `integrity`. */
export function selfHash(record: object): string {
  const { integrity: _, ...content } = record as { integrity?: unknown };
  return createHash('sha256').update(canonicalJson(content)).digest('hex');
}

/** Seals a record as the next link after `prev` (null for the first). */
export function seal<T extends object>(record: T, prev: string | null): T & { integrity: Integrity } {
  return { ...record, integrity: { prev, self: selfHash(record) } };
}

/** Why a line is not the next link of the chain; null where it is. */
export function chainFault(record: { integrity?: Integrity }, prev: string | null): string | null {
  if (!record.integrity) return 'it has no integrity record';
  if (record.integrity.self !== selfHash(record)) return 'its content does not match its hash';
  if (record.integrity.prev !== prev) return 'it does not follow the line before it';
  return null;
}
