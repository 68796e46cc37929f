// Checks the house: a file imports its own floor or a lower one, plug-ins of one folder never import one another, no circles.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), 'src');
const FLOORS = ['protocol', 'core', 'drivers', 'control', 'apps'];
const PLUGINS = ['drivers/runtimes', 'drivers/providers', 'drivers/tools'];

const files = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
const faults = [];
const imports = new Map();

for (const file of files) {
  const text = readFileSync(path.join(root, file), 'utf8');
  const floor = file.split(path.sep)[0];
  if (!FLOORS.includes(floor)) faults.push(`${file}: "${floor}" is not a floor of the house (${FLOORS.join(', ')})`);
  const found = [
    ...text.matchAll(
      /(?:^|\n)\s*(?:import|export)\s+(type\s)?[^;'"]*?from\s+['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)import\s+['"]([^'"]+)['"]/g,
    ),
  ];
  const targets = [];
  for (const match of found) {
    const target = match[2] ?? match[3] ?? match[4];
    const typeOnly = Boolean(match[1]);
    if (!target.startsWith('.')) {
      if (floor === 'protocol' && target !== 'zod')
        faults.push(`${file} imports ${target}: protocol imports nothing but zod`);
      if (floor === 'core' && target.startsWith('node:') && !typeOnly && !['node:crypto', 'node:path'].includes(target))
        faults.push(`${file} imports ${target}: core decides, it does no I/O`);
      continue;
    }
    const to = path.normalize(path.join(path.dirname(file), target));
    if (!files.includes(to)) faults.push(`${file} imports ${to}, which is not there`);
    if (FLOORS.indexOf(to.split(path.sep)[0]) > FLOORS.indexOf(floor))
      faults.push(`${file} imports ${to}, which is on a higher floor`);
    for (const folder of PLUGINS) {
      const unit = (name) => path.relative(folder, name).split(path.sep)[0].replace(/\.ts$/, '');
      if (file.startsWith(`${folder}/`) && to.startsWith(`${folder}/`) && unit(file) !== unit(to))
        faults.push(`${file} imports ${to}: plug-ins of one folder never import one another`);
    }
    if (!typeOnly) targets.push(to);
  }
  imports.set(file, targets);
}

const done = new Set();
const visit = (file, trail) => {
  if (trail.includes(file)) return faults.push(`circle: ${[...trail.slice(trail.indexOf(file)), file].join(' → ')}`);
  if (done.has(file)) return;
  done.add(file);
  for (const to of imports.get(file) ?? []) visit(to, [...trail, file]);
};
for (const file of files) visit(file, []);

// One place reads the environment; a bundler's define and the plain launcher are not in src/.
for (const file of files)
  if (
    /process\.env\b/.test(readFileSync(path.join(root, file), 'utf8')) &&
    !/readEnvironment\(process\.env\)/.test(readFileSync(path.join(root, file), 'utf8'))
  )
    faults.push(`${file} reads process.env: only apps/environment.ts is handed it`);

if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exit(1);
}
console.log(`floors: ${files.length} files on ${FLOORS.length} floors, all imports point down, no circles`);
