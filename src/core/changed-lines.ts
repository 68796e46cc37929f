/** Lines that go and lines that come, as a person reads them. Pure. */

/** `old`: null where there was nothing, or where it is not known. */
export function changedLines(old: string | null, now: string): string {
  const marked = (mark: string, text: string) =>
    text
      .replace(/\n$/, '')
      .split('\n')
      .map((line) => `${mark}${line}`);
  return [...(old === null || old === '' ? [] : marked('-', old)), ...(now === '' ? [] : marked('+', now))].join('\n');
}
