/**
 * Names of files in git are bytes. Here they are carried as latin1 text, one letter per byte, so that every name survives, comparison is
 * comparison of bytes, and splitting at "/" is safe; only what a person reads is decoded.
 */

export type Name = string;

/** As a person reads it; what is no UTF-8 becomes U+FFFD. */
export function textOf(name: Name): string {
  return Buffer.from(name, 'latin1').toString('utf8');
}

export function nameOf(text: string): Name {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** The path of a name below `root`, for the file system. */
export function onDisk(root: string, name: Name): Buffer {
  return Buffer.concat([Buffer.from(name === '' ? root : `${root}/`), Buffer.from(name, 'latin1')]);
}

/** Every directory a name lies in, the outermost first; none for a name at the top. */
export function parentsOf(name: Name): Name[] {
  const parts = name.split('/');
  return parts.slice(1).map((_, n) => parts.slice(0, n + 1).join('/'));
}

/** NUL-separated, as git reads lists of names. */
export function nameList(names: Name[]): Buffer {
  return Buffer.from(names.map((name) => `${name}\0`).join(''), 'latin1');
}
