/**
 * The name of a model without what does not make it another one: the date of its release (`-20250929`, `@20250929`), `-latest`, and the
 * `[1m]` by which Claude Code asks for the long context window. `claude-sonnet-4-5-20250929[1m]` and `claude-sonnet-4-5` are one model;
 * `claude-sonnet-5` and `claude-sonnet-5-1` are two.
 */
export function plainModel(id: string): string {
  return id
    .trim()
    .toLowerCase()
    .replace(/\[1m\]$/, '')
    .replace(/(-latest|[-@]20\d{6})$/, '');
}
