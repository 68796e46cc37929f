/** Matches paths with globs as a model writes them: "*.ts" and "src/*.ts" match at any depth, hidden files count like others. Pure. */

/** A test for relative paths with "/" between their parts. A leading "!" turns it round. Any text is a valid glob. */
export function fileGlob(glob: string): (path: string) => boolean {
  if (glob.startsWith('!')) {
    const excluded = fileGlob(glob.slice(1));
    return (path) => !excluded(path);
  }
  const anchored = glob.replace(/^\.?\//, '');
  const pattern = new RegExp(`^(?:.*/)?${expression(anchored)}$`, 's');
  return (path) => pattern.test(path);
}

function expression(glob: string): string {
  let out = '';
  let braces = 0;
  for (let at = 0; at < glob.length; at += 1) {
    const letter = glob[at] as string;
    const rest = glob.slice(at);
    if (rest.startsWith('**/')) {
      out += '(?:.*/)?';
      at += 2;
    } else if (rest.startsWith('**')) {
      out += '.*';
      at += 1;
    } else if (letter === '*') out += '[^/]*';
    else if (letter === '?') out += '[^/]';
    else if (letter === '{' && rest.includes('}')) {
      out += '(?:';
      braces += 1;
    } else if (letter === '}' && braces > 0) {
      out += ')';
      braces -= 1;
    } else if (letter === ',' && braces > 0) out += '|';
    else {
      const set = /^\[([!^]?)([^\]/]+)\]/.exec(rest);
      const members = set && characterClass(set[1] !== '', set[2] as string);
      if (set && members) {
        out += members;
        at += set[0].length - 1;
      } else out += letter.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
    }
  }
  // A brace that is closed earlier than it is opened leaves one open: close it, so that the text stays a glob.
  return out + ')'.repeat(braces);
}

/** A set of characters as an expression; null where it is none, such as a range that runs backwards. */
function characterClass(excluded: boolean, members: string): string | null {
  const text = `[${excluded ? '^/' : ''}${members.replace(/[\\[\]^]/g, '\\$&')}]`;
  try {
    new RegExp(text);
    return text;
  } catch {
    return null; // then its letters stand for themselves
  }
}
