/** Shapes of a change that ask at auto-edit whatever the paths are (safety-design §6.4). Pure. */

/** One changed file; lines are null for binary files. */
export interface FileShape {
  path: string;
  added: number | null;
  deleted: number | null;
  removed: boolean;
  /** Size of the new content in bytes; null where it is gone or not known. */
  bytes: number | null;
}

export interface Risk {
  reason: string;
  paths: string[];
}

const MOST_DELETES = 20;
const MOST_DELETED_SHARE = 0.3;
const MOST_BINARY_BYTES = 1 << 20;
const MOST_LINES = 2_000;

/** `filesBefore`: number of files in the base tree. */
export function riskyShape(files: FileShape[], filesBefore: number): Risk[] {
  const risks: Risk[] = [];
  const removed = files.filter((file) => file.removed).map((file) => file.path);
  if (removed.length > MOST_DELETES || (removed.length > 0 && removed.length > filesBefore * MOST_DELETED_SHARE))
    risks.push({ reason: `deletes ${removed.length} of ${filesBefore} files`, paths: removed });
  const binary = files
    .filter((file) => file.added === null && (file.bytes ?? 0) > MOST_BINARY_BYTES)
    .map((file) => file.path);
  if (binary.length > 0) risks.push({ reason: 'adds binary content over 1 MiB', paths: binary });
  const long = files.filter((file) => (file.added ?? 0) + (file.deleted ?? 0) > MOST_LINES).map((file) => file.path);
  if (long.length > 0) risks.push({ reason: `changes more than ${MOST_LINES} lines of one file`, paths: long });
  return risks;
}
