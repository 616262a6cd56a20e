/** What the command line draws. */
import { TrivetError } from '@trivet/shared-types';
import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { positiveNumber, wholeNumber } from '../src/commands/options.js';
import { exitCodeOf } from '../src/exit-codes.js';
import { createProgress, progressLine } from '../src/terminal/progress.js';
import { formatBytes, formatDuration, formatTable } from '../src/terminal/table.js';

describe('progress', () => {
  it('is silent where there is no terminal', () => {
    const written: string[] = [];
    const progress = createProgress('A', 'images', { isTTY: false, write: (text) => written.push(text) });
    progress.update(1, 2);
    progress.end();
    expect(written).toEqual([]);
  });

  it('draws one line that fits, and clears it', () => {
    const written: string[] = [];
    const output = { isTTY: true, columns: 40, write: (text: string) => written.push(text) };
    const progress = createProgress('Classifying', 'images', output);
    progress.update(1, 2);
    progress.update(2, 2);
    progress.end();
    expect(written).toHaveLength(3);
    for (const text of written) expect(text.replace('\r\x1b[K', '').length).toBeLessThan(40);
    expect(progressLine('A', 'x', 1, 2, 10)).toMatch(/A █{15}░{15} {2}1\/2 x {2}10 s left/);
    expect(progressLine('A', 'x', 2, 2, 10)).not.toContain('left');
  });
});

it('tables align words left and numbers right', () => {
  expect(
    formatTable(
      ['NAME', 'COUNT'],
      [
        ['a', 5],
        ['long name', 10],
      ],
    ),
  ).toBe('NAME       COUNT\na              5\nlong name     10');
});

it('bytes and durations read well', () => {
  expect([formatBytes(999), formatBytes(12_345), formatBytes(9_900_000)]).toEqual([
    '999 B',
    '12.3 kB',
    '9.9 MB',
  ]);
  expect([formatDuration(59), formatDuration(61), formatDuration(7265)]).toEqual([
    '59 s',
    '1 min',
    '2 h 1 min',
  ]);
});

it('option values are checked', () => {
  expect(wholeNumber(1, 10)('7')).toBe(7);
  for (const text of ['0', '11', '1.5', '-1', '', '1e1', 'x']) {
    expect(() => wholeNumber(1, 10)(text)).toThrow(InvalidArgumentError);
  }
  for (const text of ['0', '-1', 'x', 'Infinity'])
    expect(() => positiveNumber(text)).toThrow(InvalidArgumentError);
});

it('every class of error has its exit code', () => {
  expect(exitCodeOf(new TrivetError('NOT_FOUND', 'x'))).toBe(3);
  expect(exitCodeOf(new TrivetError('UNAVAILABLE', 'x'))).toBe(5);
  expect(exitCodeOf(new Error('x'))).toBe(1);
});
