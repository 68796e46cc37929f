/** What a sandbox is asked to be. All paths are absolute and real; `host` says where something is, `path` where it appears. */

/** A host directory that appears read-only. */
export interface Share {
  host: string;
  path: string;
  /** Paths inside that are empty, writable and gone afterwards. */
  caches?: string[];
  /** A directory around `path` and the caches, read-only too, that holds these links and nothing else. Names are relative to it. */
  linked?: { path: string; links: { name: string; target: string }[] };
}

/** R: look at the project. RX: run it in a throw-away copy. W: change a private copy. H: harvest such a copy. */
export type SandboxProfile = 'R' | 'RX' | 'W' | 'H';

export interface SandboxSpec {
  /** Id of the dispatch; the mark `PANCODE_DISPATCH` in the environment, by which leftovers are found. */
  dispatch: string;
  profile: SandboxProfile;
  /** Where the project appears; on the host the user's checkout. */
  project: string;
  /** The project or a directory in it. */
  cwd: string;
  /** Host directory mounted at `project`: writable in RX and W, read-only in R and H. null: the real checkout, read-only (R only). */
  copy: string | null;
  /** Git's common directory, bound read-only with the real checkout when it lies elsewhere (linked worktree). */
  commonDir: string | null;
  /** Git object directories of the user, read-only at `objectsInside(n)`; with the real checkout at their own paths. */
  objects: string[];
  /** The state directory that appears as HOME. In H a fresh HOME takes its place. */
  home: { host: string; path: string };
  /** More read-only directories: install roots, the directory of the node that runs PanCode, ripgrep. Real paths. */
  roots: string[];
  /** Single read-only files below /run/pancode/. */
  files: { host: string; path: string }[];
  /** Dependency directories mounted read-only into the copy. */
  shares: Share[];
  /** What package managers keep in the home, read-only at the places where they look for it. Host paths are real. */
  caches?: Share[];
  /** Files, as seen inside, that must not be readable, besides those that profile R hides by itself. Missing ones are fine. */
  masks: string[];
  /** Host directories that must not show even where a system directory holds them: PanCode's state and configuration. */
  hide?: string[];
  /**
   * Host directory with the gateway's socket `sock`, and the loopback port it gets inside. `awaited`: the command starts when that port
   * answers; else at once, and `reachable` of its process says when.
   */
  gateway: { dir: string; port: number; awaited: boolean } | null;
  /** H only: host directory, writable at /run/pancode/out. */
  output: string | null;
  /** The adapter's variables. */
  env: Record<string, string>;
  /** The client's PATH. */
  path: string;
  /** Locale and terminal variables, already filtered. */
  locale: Record<string, string>;
  /** Host paths of the relay bundle and of the node that runs it. */
  relay: string;
  node: string;
}

/** Whether `file` is `dir` or lies below it; both absolute and without `..`. */
export function within(file: string, dir: string): boolean {
  return file === dir || file.startsWith(dir.endsWith('/') ? dir : `${dir}/`);
}
