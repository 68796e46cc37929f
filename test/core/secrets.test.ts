import { expect, it } from 'vitest';
import { isSecretPath } from '../../src/core/policy/secrets.ts';

it.each([
  '.env',
  'a/.env.local',
  '.envrc',
  'SERVER.PEM',
  'id_rsa',
  'tls/server.key',
  'release.keystore',
  '.netrc',
  '.npmrc',
  '.ssh/config',
  'deploy/.aws/credentials',
  'service-account-prod.json',
  'config/secrets.yml',
  'prod.tfvars',
])('%s never enters a snapshot', (name) => {
  expect(isSecretPath(name)).toBe(true);
});

it.each([
  'my.env',
  'idea',
  'pem',
  'key',
  'src/keys.ts',
  'environment.ts',
  'monkey',
  'package.json',
  'credentials.ts',
  'env/a',
])('%s does', (name) => {
  expect(isSecretPath(name)).toBe(false);
});
