/** docs/threat-model.md: the tests that it names exist, and it says of every message what it tells. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EVENTS } from '@trivet/shared-types';
import { describe, expect, it } from 'vitest';
import { FRAME_KINDS } from '../../workers/src/mesh/frames.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'docs/threat-model.md'), 'utf8');

const section = (title: string) => {
  const start = PAGE.indexOf(`\n## ${title}\n`);
  if (start < 0) throw new Error(`The page has no section "${title}".`);
  const end = PAGE.indexOf('\n## ', start + 1);
  return PAGE.slice(start, end < 0 ? undefined : end);
};

describe('the claims', () => {
  const claims = section('Claims and the tests that hold them')
    .split(/\n- /)
    .slice(1)
    .map((claim) => claim.split(/\n\n/)[0]!.replace(/\s+/g, ' '));

  it('are many', () => expect(claims.length).toBeGreaterThan(25));

  it.each(claims)('%s', (claim) => requireTests(claim));
});

/** A file, and the titles after it up to the next file: all of them exist. */
function requireTests(text: string): void {
  const parts = text.split(/`([^`]+\.(?:test|spec)\.tsx?)`/).slice(1);
  expect(parts.length, 'names no test').toBeGreaterThan(0);
  for (let i = 0; i < parts.length; i += 2) {
    const file = join(ROOT, parts[i]!);
    expect(existsSync(file), parts[i]).toBe(true);
    const source = readFileSync(file, 'utf8');
    for (const [, title] of parts[i + 1]!.matchAll(/"([^"]+)"/g)) {
      const quoted = ["'", '"', '`'].some(
        (quote) =>
          source.includes(`(${quote}${title}${quote}`) || source.includes(`${quote}${title}${quote},`),
      );
      expect(quoted, `${parts[i]}: ${title}`).toBe(true);
    }
  }
}

describe('what was tried', () => {
  const rows = section('What was tried')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(2)
    .map((line) => line.split('|').map((cell) => cell.trim()));

  it('is much', () => expect(rows.length).toBeGreaterThan(30));

  it.each(rows.map(([, who, attack, , heldBy]) => [`${who}: ${attack}`, heldBy!]))('%s', (_, heldBy) => {
    // What cannot be held says so.
    if (!/^none: .{10,}/.test(heldBy) || heldBy.includes('.test.ts')) requireTests(heldBy);
  });
});

const EVENT_NAMES: readonly string[] = Object.values(EVENTS).flatMap((event) =>
  typeof event === 'string' ? [event] : Object.values(event),
);

/** What stands in backquotes in the first column of all tables of a text. */
function firstColumn(text: string): Set<string> {
  const cells = [...text.matchAll(/^\| ([^|]*)\|/gm)].map(([, cell]) => cell!);
  return new Set(cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)));
}

describe('the table of messages', () => {
  const named = firstColumn(section('Every message, and what it tells'));

  it.each([...EVENT_NAMES, ...Object.keys(FRAME_KINDS)])('has %s', (message) => {
    expect(named).toContain(message);
  });

  it('has none that the code does not have', () => {
    const events = [...named].filter((name) => name.startsWith('trivet:'));
    expect(events.sort()).toEqual([...EVENT_NAMES].sort());
    const frames = [...named].filter((name) => /^[a-z]+$/.test(name));
    expect(frames.sort()).toEqual(Object.keys(FRAME_KINDS).sort());
  });
});

describe('docs/wire.md', () => {
  const wire = readFileSync(join(ROOT, 'docs/wire.md'), 'utf8');

  it('says of every event what its receiver learns, and of no other', () => {
    const pushed = Object.values(EVENTS.server);
    const events = [...firstColumn(wire)].filter((name) => name.startsWith('trivet:'));
    expect([...events, ...pushed].sort()).toEqual([...EVENT_NAMES].sort());
    for (const event of pushed) expect(wire).toContain(`\`${event}\``);
  });

  it('says of every frame its number, and what its receiver learns', () => {
    const rows = [...wire.matchAll(/^\| ([a-z]+) +\| (\d+) +\|.*\| ([^|]+?) +\|$/gm)];
    expect(Object.fromEntries(rows.map(([, name, number]) => [name, Number(number)]))).toEqual(FRAME_KINDS);
    for (const [, , , learns] of rows) expect(learns!.length).toBeGreaterThan(5);
  });
});
