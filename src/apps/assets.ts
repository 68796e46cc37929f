/** Where the files that PanCode mounts or starts lie: beside the bundle, found from the running program itself. */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Assets } from '../control/box.ts';

/** `import.meta.dirname` of a bundled file is `dist/`. */
export function bundleDir(): string {
  return import.meta.dirname;
}

export function findAssets(): Assets {
  return {
    node: fs.realpathSync(process.execPath),
    relay: path.join(bundleDir(), 'relay.js'),
    nativeAgent: path.join(bundleDir(), 'native-agent.js'),
    get ripgrepDir() {
      return ripgrepDir(); // 4 ms, asked when a sandbox is built
    },
  };
}

/** Directory of the ripgrep that ships as a platform package; null where the platform has none (then the one on PATH is used). */
function ripgrepDir(): string | null {
  try {
    const { rgPath } = createRequire(path.join(bundleDir(), 'shim.js'))('@vscode/ripgrep') as { rgPath: string };
    return path.dirname(fs.realpathSync(rgPath));
  } catch {
    // An optional platform package: its absence is a fact of the machine, and the native agent's grep says so.
    return null;
  }
}
