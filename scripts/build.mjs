// Bundles the program into dist/. The relay and the native agent are single files: they are mounted into sandboxes one by one.
import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

/**
 * The AI SDK imports zod's `z` as one object, which holds the messages of every language: 265 kB that each start would compile. As a
 * namespace, what nobody uses is left out; our own files import it that way.
 */
const zodByName = {
  name: 'zod-by-name',
  setup(build) {
    build.onLoad({ filter: /@ai-sdk[/\\][^/\\]+[/\\]dist[/\\]index\.js$/ }, ({ path: file }) => ({
      contents: readFileSync(file, 'utf8').replaceAll('import { z } from "zod/v4"', 'import * as z from "zod/v4"'),
      loader: 'js',
    }));
  },
};

/**
 * `import fs from 'node:fs'` becomes a `require`, which is what it means. esbuild would give every file that says so an object of its own with
 * a getter for each of the hundred names: 4 ms of the daemon's start.
 */
const builtInsByRequire = {
  name: 'built-ins-by-require',
  setup(build) {
    const changed = ['src', 'node_modules/commander/lib'].map((dir) => path.join(root, dir, path.sep));
    build.onLoad({ filter: /\.[jt]s$/ }, async ({ path: file }) => {
      if (!changed.some((dir) => file.startsWith(dir))) return undefined;
      const text = await readFile(file, 'utf8');
      return {
        contents: text.replace(/^import (\w+) from '(node:[\w/]+)';$/gm, "const $1 = require('$2');"),
        loader: 'ts',
      };
    });
  },
};

/** Packages that few requests need, 600 kB of the daemon's 1100: files of their own, read when a program first asks for them. */
const LIBRARIES = { yaml: './yaml.js', '@pydantic/genai-prices': './prices.js' };

const librariesApart = {
  name: 'libraries-apart',
  setup(build) {
    build.onResolve({ filter: /^[^./]/ }, ({ path: name, kind }) =>
      kind === 'entry-point' || !Object.hasOwn(LIBRARIES, name) ? undefined : { path: LIBRARIES[name], external: true },
    );
  },
};

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  // CommonJS, one file per program: Node's module loader takes 20 ms for a program of a dozen modules, and importing `node:http` as a module
  // evaluates all it exports, a WebSocket client included: 75 ms of the 120 ms of `pancode ps` (measured on Node 24).
  format: 'cjs',
  target: 'node24',
  // Names stay, for the stack in a log; `keepNames` would set the name of each function anew at every start.
  minifySyntax: true,
  minifyWhitespace: true,
  define: { PANCODE_VERSION: JSON.stringify(version), 'import.meta.dirname': '__dirname' },
  external: ['@vscode/ripgrep'],
  plugins: [zodByName, builtInsByRequire, librariesApart],
  // `import()` becomes a `require` too: Node's own would load the machinery for ES modules.
  supported: { 'dynamic-import': false },
  logLevel: 'warning',
};

/** Builds dist/ from scratch, beside the one in use, which is replaced when all of the new one is there. */
export async function buildAll() {
  const dist = path.join(root, 'dist');
  const fresh = mkdtempSync(path.join(root, 'dist-'));
  try {
    await buildInto(fresh);
    rmSync(dist, { recursive: true, force: true });
    renameSync(fresh, dist);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

async function buildInto(outdir) {
  chmodSync(outdir, 0o755); // other users run it too
  writeFileSync(path.join(outdir, 'package.json'), '{ "type": "commonjs" }\n');
  await build({
    ...common,
    outdir,
    entryPoints: {
      main: 'src/apps/main.ts',
      daemon: 'src/apps/daemon/main.ts',
      shim: 'src/apps/shim/main.ts',
      relay: 'src/apps/relay.ts',
      'native-agent': 'src/apps/native-agent.ts',
      simulated: 'src/apps/simulated.ts',
      yaml: 'yaml',
      prices: '@pydantic/genai-prices',
    },
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildAll();
