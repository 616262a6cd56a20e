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

  it.each(claims)('%s', (claim) => {
    // A file, and the titles after it up to the next file.
    const parts = claim.split(/`([^`]+\.(?:test|spec)\.tsx?)`/).slice(1);
    expect(parts.length, 'names no test').toBeGreaterThan(0);
    for (let i = 0; i < parts.length; i += 2) {
      const file = join(ROOT, parts[i]!);
      expect(existsSync(file), parts[i]).toBe(true);
      const text = readFileSync(file, 'utf8');
      for (const [, title] of parts[i + 1]!.matchAll(/"([^"]+)"/g)) {
        const quoted = ["'", '"', '`'].some(
          (quote) => text.includes(`(${quote}${title}${quote}`) || text.includes(`${quote}${title}${quote},`),
        );
        expect(quoted, `${parts[i]}: ${title}`).toBe(true);
      }
    }
  });
});

describe('the table of messages', () => {
  const table = section('Every message, and what it tells');
  const events = [...Object.values(EVENTS)].flatMap((event) =>
    typeof event === 'string' ? [event] : Object.values(event),
  );

  it.each([...events, ...Object.keys(FRAME_KINDS)])('has %s', (message) => {
    expect(table).toMatch(new RegExp(`^\\| .*\`${message}\``, 'm'));
  });
});
