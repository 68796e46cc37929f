/** Receipts and amendments of another home, read from JSON Lines and marked. Nothing is written here. */
import { open } from 'node:fs/promises';
import { selfHash } from '../../core/chain.ts';
import { PanError } from '../../protocol/error.ts';
import { Amendment, type Imported, Integrity, Receipt } from '../../protocol/receipt.ts';
import { type ChainLine, isReceipt } from './receipts.ts';

export type ImportedLine = Omit<ChainLine, 'integrity'> & { imported: Imported };

/** Every record of the file with the number of its line. Throws PanError (exit 2) at the first line that is none. `at`: ISO-8601 UTC. */
export async function* readImport(file: string, at: string): AsyncGenerator<{ line: number; record: ImportedLine }> {
  const handle = await open(file);
  let line = 0;
  for await (const text of handle.readLines()) {
    line += 1;
    const plain = line === 1 ? text.replace(/^\uFEFF/, '') : text;
    if (plain.trim() !== '') yield { line, record: importedLine(plain, line, at) };
  }
}

function importedLine(text: string, line: number, at: string): ImportedLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badLine(line, 'it is not JSON');
  }
  const { integrity, ...record } = (value ?? {}) as ChainLine;
  const schema = 'schema' in record ? Receipt : Amendment;
  // The seal is replaced by one of our chain, so that a record without one can come in too.
  const checked = schema.safeParse({ ...record, integrity: { prev: null, self: '' } });
  const issue = checked.error?.issues[0];
  if (issue) throw badLine(line, `${issue.path.join('.') || 'the record'} is wrong: ${issue.message}`);
  if (schema === Receipt && !isReceipt(record)) throw badLine(line, 'time.ended is no time');
  const seal = Integrity.safeParse(integrity).data ?? null;
  const mark = { at, integrity: seal, intact: seal !== null && seal.self === selfHash(record) };
  // One that came from a third home keeps the mark of where it was made.
  return { ...record, imported: record.imported ?? mark };
}

const badLine = (line: number, what: string): PanError =>
  new PanError(
    'bad-import',
    `Line ${line} is no receipt or amendment: ${what}.`,
    'Correct or remove that line; nothing was imported.',
  );
