/** What a reader of the real checkout must not reach although it lies in it. */
import fs from 'node:fs';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { EXIT, PanError } from '../../protocol/error.ts';
import { within } from './spec.ts';

/** Directories with many files that hold packages, never the user's secrets; only a tool's own corner in them, like `.cache`, is looked at. */
const PACKAGES = new Set(['node_modules', '.venv']);
const PACKAGES_TOO = new Set(['.pnpm', '.bin']);
/** How long the walk may keep the event loop, ms. */
const SLICE_MS = 5;
/** bubblewrap takes 9,000 arguments in all, three for each mount. */
const MOST_HIDDEN = 1_500;

/**
 * Sockets and fifos stay connectable through a read-only mount (measured), and `.env*` files and private keys hold secrets. Gives the
 * real paths to hide. Directories are never followed through links; a link with a secret's name hides what it leads to in the project.
 */
export async function hiddenFiles(root: string): Promise<string[]> {
  const hidden = new Set<string>();
  // Names are bytes: as latin1 text every one of them survives.
  const top = Buffer.from(root).toString('latin1');
  const dirs = [top];
  let slice = performance.now();
  for (let dir = dirs.pop(); dir !== undefined; dir = dirs.pop()) {
    const packages = PACKAGES.has(path.basename(dir));
    for (const entry of list(dir)) {
      if (packages && (!entry.name.startsWith('.') || PACKAGES_TOO.has(entry.name))) continue;
      const file = path.join(dir, entry.name);
      if (entry.isDirectory()) {
        if (entry.name !== 'objects' || path.basename(dir) !== '.git') dirs.push(file);
      } else if (entry.isSocket() || entry.isFIFO()) hidden.add(asText(file));
      else if (isSecretName(entry.name)) {
        const target = entry.isSymbolicLink() ? realFile(file) : file;
        if (target && within(target, top)) hidden.add(asText(target));
      }
    }
    if (hidden.size > MOST_HIDDEN) throw tooMany(root);
    if (performance.now() - slice > SLICE_MS) {
      await nextTurn();
      slice = performance.now();
    }
  }
  return [...hidden];
}

/** `.env`, `.env.production`, `.envrc` and ssh keys, but not the examples people commit. */
function isSecretName(name: string): boolean {
  if (name.startsWith('.env')) return !/\.(example|sample|template|dist)$/.test(name);
  return /^id_(rsa|dsa|ecdsa|ed25519)(_sk)?$/.test(name);
}

/** `dir`, and the names given, are latin1 text. */
function list(dir: string): fs.Dirent[] {
  try {
    return fs.readdirSync(Buffer.from(dir, 'latin1'), {
      withFileTypes: true,
      encoding: 'latin1',
    }) as unknown as fs.Dirent[];
  } catch {
    return []; // not readable for us, so not for the agent either; or gone meanwhile
  }
}

/** Throws PanError for a name that is no text: bubblewrap cannot be told it, so what has it would show. */
function asText(file: string): string {
  const bytes = Buffer.from(file, 'latin1');
  const text = bytes.toString('utf8');
  if (Buffer.from(text).equals(bytes)) return text;
  throw new PanError(
    'unhidden-secret',
    `${text} cannot be hidden from an agent, because a part of its name is no valid UTF-8.`,
    'Rename it, or work with --base HEAD.',
    EXIT.usage,
  );
}

function realFile(link: string): string | null {
  try {
    const target = fs.realpathSync.native(Buffer.from(link, 'latin1'), 'buffer');
    return fs.statSync(target).isFile() ? target.toString('latin1') : null;
  } catch {
    return null; // a link that leads nowhere shows nothing
  }
}

function tooMany(root: string): PanError {
  return new PanError(
    'too-many-secrets',
    `${root} holds more than ${MOST_HIDDEN} sockets, fifos and .env files, more than a sandbox can hide.`,
    'Remove what is not needed, or work on a part of the project with --base HEAD.',
    EXIT.usage,
  );
}
