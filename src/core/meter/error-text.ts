/** The message of an error answer, in whichever of the usual shapes it comes; null where it holds none. One line, at most 300 characters. */
export function errorText(value: unknown): string | null {
  if (typeof value === 'string') return line(value);
  // Google's streams that are no event streams are arrays, their errors too.
  if (Array.isArray(value)) return value.length === 0 ? null : errorText(value[0]);
  if (typeof value !== 'object' || value === null) return null;
  const { error, message, detail } = value as Record<string, unknown>;
  for (const said of [error, message, detail]) {
    const found =
      typeof said === 'object' && said !== null
        ? errorText((said as Record<string, unknown>).message)
        : errorText(said);
    if (found !== null) return found;
  }
  return null;
}

/** The same from the bytes of a body: JSON, or any text. */
export function bodyErrorText(body: string): string | null {
  try {
    return errorText(JSON.parse(body)) ?? line(body);
  } catch {
    // Not JSON (a proxy's page, for example): its text says more than nothing.
    return line(body);
  }
}

function line(text: string): string | null {
  const short = text.replace(/\s+/g, ' ').trim().slice(0, 300);
  return short === '' ? null : short;
}
