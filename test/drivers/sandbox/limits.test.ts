/** Limits as they reach the shell: lowered where they can be, left where they are lower already. */
import { expect, it } from 'vitest';
import { innerLimits, outerLimits } from '../../../src/drivers/sandbox/limits.ts';

const TEXT = (
  files: string,
  processes: string,
  size: string,
) => `Limit                     Soft Limit           Hard Limit           Units
Max file size             unlimited            ${size}            bytes
Max processes             63430                ${processes}                processes
Max open files            1024                 ${files}               files
`;

it('are set where nothing lower is there', () => {
  const text = TEXT('524288', '63430', 'unlimited');
  expect(outerLimits(text)).toContain('ulimit -f 2097152 ');
  expect(outerLimits(text)).toContain('ulimit -n 4096 ');
  expect(innerLimits(text, '6.18.0')).toContain('ulimit -u 512 ');
});

it('never ask for more than the hard limit, which would be refused', () => {
  const text = TEXT('1024', '300', '1048576');
  expect(outerLimits(text)).toContain('ulimit -f 1024 ');
  expect(outerLimits(text)).toContain('ulimit -n 1024 ');
  expect(innerLimits(text, '6.18.0')).toContain('ulimit -u 300 ');
});

it.each([
  ['5.13.0-generic', 8_192],
  ['4.18.0-553.el8', 8_192],
  ['5.14.0-503.el9', 512],
  ['6.1.0', 512],
])('on %s the number of processes is %d, as older kernels count all of the user', (release, expected) => {
  expect(innerLimits(TEXT('1', 'unlimited', '1'), release)).toContain(`ulimit -u ${expected} `);
});
