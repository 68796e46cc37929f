/** What can be asked of the receipts beyond one of them: lists, costs, and taking in those of another home. */
import { setImmediate as breath } from 'node:timers/promises';
import { COST_KEYS, type Costs, groupCosts } from '../core/costs.ts';
import { didYouMean } from '../core/nearest.ts';
import { type ImportedLine, readImport } from '../drivers/store/import.ts';
import type { Ledger, ReceiptFilter } from '../drivers/store/ledger.ts';
import { isReceipt } from '../drivers/store/receipts.ts';
import { PanError } from '../protocol/error.ts';
import type { Receipt } from '../protocol/receipt.ts';
import { STATUSES } from '../protocol/words.ts';

type Query = Record<string, string>;

/** Records taken in or read at once: the daemon answers others between two portions. */
const PORTION = 50;
/** Receipts of one list: 20 MB of answer. */
const MOST = 10_000;

/** Throws PanError (exit 2) on a value no receipt can have. */
function receiptFilter(query: Query): ReceiptFilter {
  const limit = Number(query.limit ?? 50);
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST)
    throw new PanError(
      'bad-flag',
      `--limit cannot be "${query.limit}".`,
      `Give --limit a whole number from 1 to ${MOST}; all receipts are in receipts.jsonl of the state directory.`,
    );
  oneOf('--status', query.status, STATUSES);
  const since = sinceOf(query);
  const { agent, worker, status } = query;
  return { limit, agent, worker, status, since: since === null ? undefined : new Date(since).toISOString() };
}

export async function receiptsOf(ledger: Ledger, query: Query): Promise<Receipt[]> {
  const found: Receipt[] = [];
  for (const receipt of ledger.list(receiptFilter(query))) if (found.push(receipt) % PORTION === 0) await breath();
  return found;
}

export function costsOf(ledger: Ledger, query: Query): Costs {
  const by = oneOf('--by', query.by ?? 'agent', COST_KEYS) ?? 'agent';
  return groupCosts(by, ledger.costs({ by, since: sinceOf(query), zone: query.zone ?? 'UTC' }));
}

/**
 * All or nothing as far as the file is to blame: it is read and checked whole before its first record is appended. Records this home has
 * are left out, so importing again after a full disk takes in the rest. `damaged`: how many did not fit the seal they came with.
 */
export async function importReceipts(ledger: Ledger, file: string, now: Date) {
  const at = now.toISOString();
  const coming = new Set<string>();
  for await (const portion of portions(readImport(file, at)))
    for (const { line, record } of portion) {
      if (isReceipt(record)) coming.add(record.id);
      else if (!coming.has(record.id) && !ledger.has(record.id))
        throw new PanError(
          'bad-import',
          `Line ${line} adds to the receipt ${record.id}, which is neither here nor above it in the file.`,
          'Import the receipt with it, or remove that line; nothing was imported.',
        );
    }
  const counted = { imported: 0, amendments: 0, known: 0, damaged: 0 };
  for await (const portion of portions(readImport(file, at))) {
    const added = ledger.addImported(portion.map(({ record }) => record));
    const receipts = added.filter(isReceipt).length;
    counted.imported += receipts;
    counted.amendments += added.length - receipts;
    counted.known += portion.length - added.length;
    counted.damaged += added.filter(({ imported }) => imported?.integrity && !imported.intact).length;
  }
  return counted;
}

async function* portions(
  records: AsyncGenerator<{ line: number; record: ImportedLine }>,
): AsyncGenerator<{ line: number; record: ImportedLine }[]> {
  let portion: { line: number; record: ImportedLine }[] = [];
  for await (const record of records) {
    portion.push(record);
    if (portion.length < PORTION) continue;
    yield portion;
    portion = [];
    await breath();
  }
  if (portion.length > 0) yield portion;
}

function sinceOf({ since }: Query): number | null {
  if (since === undefined) return null;
  const at = Date.parse(since);
  if (Number.isNaN(at))
    throw new PanError('bad-flag', `--since cannot be "${since}".`, 'Give it a date such as 2026-11-01.');
  return at;
}

function oneOf<T extends string>(flag: string, value: string | undefined, valid: readonly T[]): T | undefined {
  if (value === undefined || (valid as readonly string[]).includes(value)) return value as T | undefined;
  throw new PanError(
    'bad-flag',
    `${flag} cannot be "${value}". ${didYouMean(value, valid)}`,
    `Use one of: ${valid.join(', ')}.`,
  );
}
