/** Takes a key out of an answer that comes in pieces. */

/** Gives what may be passed on of the pieces so far; null = no more comes. */
type HideKey = (piece: Buffer | null) => Buffer;

const NOTHING = Buffer.alloc(0);

/** What could be the key's beginning is held until the next piece. As many stars stand in its place, so that lengths said before still hold. */
export function hideKey(apiKey: string | null): HideKey {
  if (!apiKey) return (piece) => piece ?? NOTHING;
  const key = Buffer.from(apiKey);
  let held: Buffer = NOTHING;
  return (piece) => {
    const bytes = piece === null ? held : held.length === 0 ? piece : Buffer.concat([held, piece]);
    let shown = bytes;
    for (let at = bytes.indexOf(key); at >= 0; at = bytes.indexOf(key, at + key.length)) {
      // The meter reads these bytes too, as they came.
      if (shown === bytes) shown = Buffer.from(bytes);
      shown.fill('*', at, at + key.length);
    }
    const keep = piece === null ? 0 : beginningAtEnd(shown, key);
    held = shown.subarray(shown.length - keep);
    return shown.subarray(0, shown.length - keep);
  };
}

/** Bytes at the end of `bytes` that are the beginning of `key`. */
function beginningAtEnd(bytes: Buffer, key: Buffer): number {
  for (let length = Math.min(key.length - 1, bytes.length); length > 0; length--)
    if (bytes.subarray(bytes.length - length).equals(key.subarray(0, length))) return length;
  return 0;
}
