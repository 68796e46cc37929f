// Bundles the program into dist/. The relay and the native agent are single files: they are mounted into sandboxes one by one.
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  minify: true,
  keepNames: true,
  define: { PANCODE_VERSION: JSON.stringify(version) },
  // Bundled CommonJS packages call require for Node's own modules.
  banner: {
    js: "import{createRequire as pancodeRequire}from'node:module';const require=pancodeRequire(import.meta.url);",
  },
  external: ['@vscode/ripgrep'],
  logLevel: 'warning',
};

/** Builds dist/ from scratch. */
export async function buildAll() {
  rmSync(path.join(root, 'dist'), { recursive: true, force: true });
  await Promise.all([
    build({
      ...common,
      splitting: true,
      outdir: 'dist',
      // Beside the entries: a part finds the others by its own directory (apps/assets.ts).
      chunkNames: '[name]-[hash]',
      entryPoints: { main: 'src/apps/main.ts', daemon: 'src/apps/daemon/main.ts', simulated: 'src/apps/simulated.ts' },
    }),
    build({
      ...common,
      outdir: 'dist',
      entryPoints: {
        shim: 'src/apps/shim/main.ts',
        relay: 'src/apps/relay.ts',
        'native-agent': 'src/apps/native-agent.ts',
      },
    }),
  ]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildAll();
