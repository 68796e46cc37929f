/** Reads answers of other people's services: every field may be missing or of another kind. */

export type Fields = Record<string, unknown>;

export const fields = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
export const list = (value: unknown): Fields[] => (Array.isArray(value) ? value.map(fields) : []);
export const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
/** A number of things; 0 and less are no answer. */
export const count = (value: unknown): number | null => (typeof value === 'number' && value > 0 ? value : null);
export const flag = (value: unknown): boolean | null => (typeof value === 'boolean' ? value : null);
