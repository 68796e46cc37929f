import { describe, expect, it } from 'vitest';
import { isLockFile, isManifest } from '../../src/core/lock-files.ts';
import { checkWorkspaceNames } from '../../src/core/workspace-names.ts';

describe('checkWorkspaceNames', () => {
  it.each(['node_modules', 'packages/a/node_modules', './.env', 'a/*/.env', '..env', 'a..b'])('takes %j', (name) => {
    expect(() => checkWorkspaceNames({ share: [name], copy: [name] })).not.toThrow();
  });

  it.each(['', '.', '..', '../x', 'a/../../x', '/etc', '.git', 'a/.GIT/hooks', 'a\0b'])(
    'refuses %j in both lists',
    (name) => {
      expect(() => checkWorkspaceNames({ share: [name], copy: [] })).toThrow(/^workspace\.share holds/);
      expect(() => checkWorkspaceNames({ share: [], copy: [name] })).toThrow(/^workspace\.copy holds/);
    },
  );
});

it('lock files and manifests are known by name', () => {
  expect(['yarn.lock', 'Cargo.lock', 'requirements-dev.txt', 'requirements.txt'].filter(isLockFile)).toHaveLength(4);
  expect(['package.json', 'my-requirements.txt', 'lock'].filter(isLockFile)).toEqual([]);
  expect(['package.json', 'yarn.lock'].filter(isManifest)).toEqual(['package.json']);
});
