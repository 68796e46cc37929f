import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editText } from '../../src/core/text-edit.ts';

describe('editText', () => {
  it('takes over the indentation of the file', () => {
    const text = 'class A {\n    f() {\n        return 1;\n    }\n}\n';
    const edit = editText(text, 'f() {\n  return 1;\n}', 'f() {\n  return 2;\n}', false);
    expect(edit).toMatchObject({ ok: true, drifted: true, line: 2 });
    expect(edit.ok && edit.text).toBe('class A {\n    f() {\n      return 2;\n    }\n}\n');
  });

  it('does not guess between two places that differ only in white space', () => {
    expect(editText('  a;\n\ta;\n', ' a; ', 'b;', false)).toEqual({
      ok: false,
      why: 'ambiguous',
      lines: [1, 2],
      drifted: true,
    });
  });

  it('keeps CRLF line ends', () => {
    const edit = editText('a\r\nb\r\nc\r\n', 'a\nb', 'x\ny', false);
    expect(edit.ok && edit.text).toBe('x\r\ny\r\nc\r\n');
    const drifted = editText('  a\r\n  b', 'a \nb ', 'x\ny', false);
    expect(drifted.ok && drifted.text).toBe('  x\r\n  y');
  });

  it('deletes whole drifted lines', () => {
    const edit = editText('a\n  b\nc\n', '\tb\t', '', false);
    expect(edit.ok && edit.text).toBe('a\nc\n');
  });

  it('does not guess which of two places that overlap is meant', () => {
    expect(editText('x\n}\n}\n}\n', '}\n}', 'y', false)).toEqual({
      ok: false,
      why: 'ambiguous',
      lines: [2, 3],
      drifted: false,
    });
    const all = editText('aaaa', 'aa', 'b', true);
    expect(all.ok && all.text).toBe('bb');
  });

  it('puts exactly the new text where the old was, and touches nothing else', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.string({ minLength: 1 }),
        fc.string(),
        fc.string(),
        (before, old, replacement, after) => {
          const text = before + old + after;
          fc.pre(text.indexOf(old) === text.lastIndexOf(old) && !text.includes('\r\n'));
          const edit = editText(text, old, replacement, false);
          expect(edit.ok && edit.text).toBe(before + replacement + after);
        },
      ),
    );
  });
});
