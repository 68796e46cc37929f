/** Names of files that hold secrets by what they are (safety-design §6). Pure. */

/** Directories whose whole content is private. */
const PRIVATE_DIRECTORIES = new Set(['.ssh', '.gnupg', '.aws', '.azure', '.kube', '.docker', '.gcloud']);

const SECRET_NAMES = [
  /^\.env.*$/,
  /^id_.*$/,
  // Keys and key stores.
  /\.(pem|key|p8|p12|pfx|jks|keystore|kdbx|ppk)$/,
  // Where tools keep passwords and tokens.
  /^(\.netrc|_netrc|\.git-credentials|\.pgpass|\.my\.cnf|\.htpasswd|\.npmrc|\.yarnrc|\.pypirc|\.dockercfg|\.vault-token)$/,
  /^(client_secrets?|service[-_]account|credentials)\b.*\.json$/,
  /^secrets?\.(json|ya?ml|toml|ini|env)$/,
  /\.tfvars(\.json)?$/,
  /\.tfstate(\.backup)?$/,
];

/** `name`: path below the project's top, parts separated by `/`. Case does not matter. */
export function isSecretPath(name: string): boolean {
  const parts = name.toLowerCase().split('/');
  const file = parts.pop() ?? '';
  return parts.some((part) => PRIVATE_DIRECTORIES.has(part)) || SECRET_NAMES.some((pattern) => pattern.test(file));
}
