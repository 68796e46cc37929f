/** How much a checkout takes, from the sizes git remembers in an index (gitformat-index(5)). Pure. */

export interface TreeSize {
  bytes: number;
  files: number;
}

/** Before the object's id: times, device, inode, mode, owner, and at 36 the size; after it, 2 bytes of flags. */
const STAT_BYTES = 40;
const SIZE_AT = 36;
const EXTENDED = 0x4000;
/** The length of the name as far as it fits; this much or more is not told. */
const LONG = 0xfff;

/** null where it is not understood. A file that git has not looked at closely yet counts as empty. */
export function indexSize(index: Buffer, idBytes: number): TreeSize | null {
  if (index.length < 12 || index.toString('latin1', 0, 4) !== 'DIRC') return null;
  const version = index.readUInt32BE(4);
  if (version < 2 || version > 4) return null;
  const files = index.readUInt32BE(8);
  let bytes = 0;
  let at = 12;
  for (let n = 0; n < files; n += 1) {
    const flagsAt = at + STAT_BYTES + idBytes;
    if (flagsAt + 2 > index.length) return null;
    bytes += index.readUInt32BE(at + SIZE_AT);
    const flags = index.readUInt16BE(flagsAt);
    const name = flagsAt + ((flags & EXTENDED) === 0 ? 2 : 4);
    const length = flags & LONG;
    const end =
      version < 4 && length < LONG ? name + length : index.indexOf(0, version < 4 ? name : afterVarint(index, name));
    if (end < 0 || end > index.length) return null;
    // Entries before version 4 are padded with 1 to 8 zeros to a multiple of eight bytes.
    at = version === 4 ? end + 1 : at + (((end - at) >> 3) + 1) * 8;
  }
  return { bytes, files };
}

/** Version 4 leaves out what a name has in common with the one before: first comes how much of that one to drop. */
function afterVarint(index: Buffer, start: number): number {
  let at = start;
  while (((index[at] ?? 0) & 0x80) !== 0) at += 1;
  return at + 1;
}
