import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
/** What the command line draws. */
import { TrivetError } from '@trivet/shared-types';
import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { positiveNumber, wholeNumber } from '../src/commands/options.js';
import { exitCodeOf } from '../src/exit-codes.js';
import { describe as describeError } from '../src/program.js';
import { printable } from '../src/terminal/printable.js';
import { createProgress, progressLine } from '../src/terminal/progress.js';
import { formatBytes, formatDuration, formatTable } from '../src/terminal/table.js';
import { trivet, trivetHere } from './support.js';

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

describe('what the system says of a file', () => {
  it('is a sentence with an exit code, and no fault of the program', () => {
    const failed = (code: string, path = '/data/.model.key.0123456789ab.tmp') =>
      Object.assign(new Error(`${code}: open '${path}'`), { code, path, syscall: 'open' });
    expect([describeError(failed('EACCES')), exitCodeOf(failed('EACCES'))]).toEqual([
      'trivet: /data/model.key: permission denied (EACCES).',
      2,
    ]);
    expect([describeError(failed('ENOSPC', '/a/b')), exitCodeOf(failed('ENOSPC'))]).toEqual([
      'trivet: /a/b: no space is left on the disk (ENOSPC).',
      9,
    ]);
    // Nobody's to mend.
    expect([describeError(failed('EBADF')), exitCodeOf(failed('EBADF'))]).toEqual([
      expect.stringContaining('internal error'),
      1,
    ]);
    expect(describeError(new Error('x'))).toContain('internal error');
  });

  it('is so for the whole program', async () => {
    const ran = await trivetHere('keys', 'generate', '/nowhere/at/all.key');
    expect(ran).toMatchObject({
      code: 2,
      err: 'trivet: /nowhere/at/all.key: no such file or folder (ENOENT).\n',
    });
  });
});

describe('what is printed', () => {
  it('has no control sequence, whoever wrote it, and is the same JSON', () => {
    const text = 'a\u001b]0;title\u0007b\u009b2J\r\u202ec\n\td\u00e9 \u4e2d';
    expect(printable(text)).toBe('a\\u001b]0;title\\u0007b\\u009b2J\\u000d\\u202ec\n\td\u00e9 \u4e2d');
    expect(JSON.parse(printable(JSON.stringify({ text })))).toEqual({ text });
  });

  it('is so for the whole program', async () => {
    const ran = await trivet('keys', 'list', '/nowhere/\u001b[2J\u001b]52;c;eA==\u0007.key');
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining('\\u001b[2J\\u001b]52') });
    expect(ran.stderr).not.toContain('\u001b');
  });
});

describe('a pipe that nobody reads any more', () => {
  it('ends the command without a word', async () => {
    const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
    const child = spawn(process.execPath, [main, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    const [code] = await once(child, 'close');
    expect({ code, stderr }).toEqual({ code: 141, stderr: '' });
  });
});
