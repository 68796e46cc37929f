#!/usr/bin/env node
// Plain JavaScript that any Node understands: says in one sentence what is missing before anything newer is loaded.
const module_ = require('node:module');
const path = require('node:path');

const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(
    `PanCode needs Node 24 or newer, and this is Node ${process.versions.node}. Install a newer Node and run the command again.`,
  );
  process.exitCode = 2;
} else if (process.argv.length === 3 && (process.argv[2] === '--version' || process.argv[2] === '-V')) {
  console.log(require('../package.json').version);
} else {
  module_.enableCompileCache(cacheDir());
  require('../dist/main.js');
}

/** The compile cache lies in PanCode's own cache root. */
function cacheDir() {
  const { PANCODE_HOME, XDG_CACHE_HOME, HOME } = process.env;
  if (PANCODE_HOME) return path.join(PANCODE_HOME, 'cache', 'compile');
  return path.join(XDG_CACHE_HOME || path.join(HOME || '/', '.cache'), 'pancode', 'compile');
}
