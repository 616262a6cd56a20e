import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
// @ts-expect-error: plain JavaScript, for it runs before anything is installed
import { checkLock, readReport } from '../audit.mjs';

const LOCK = readFileSync(new URL('../../../pnpm-lock.yaml', import.meta.url), 'utf8');

describe('the lock file', () => {
  it('has a hash for everything, and nothing that is not from the registry', () => {
    const { packages, problems } = checkLock(LOCK);
    expect(problems).toEqual([]);
    expect(packages).toBeGreaterThan(200);
  });

  it('is refused with a package from elsewhere, without a hash, and when it is none', () => {
    const [first] = /resolution: \{integrity: .*\}/.exec(LOCK)!;
    const changed = (resolution: string) =>
      checkLock(LOCK.replace(first, `resolution: {${resolution}}`)).problems;
    expect(changed('tarball: https://example.org/x.tgz')).toEqual([expect.stringMatching(/registry/)]);
    expect(changed('integrity: sha1-abc')).toEqual([expect.stringMatching(/hash/)]);
    expect(checkLock('')).toMatchObject({ packages: 0, problems: [expect.stringMatching(/no packages/)] });
  });
});

describe("the registry's answer", () => {
  const advisory = (severity: string) => ({
    module_name: 'x',
    severity,
    title: 'Bad.',
    url: 'https://example.org',
  });

  it('counts what is serious', () => {
    const report = JSON.stringify({ advisories: { 1: advisory('critical'), 2: advisory('low') } });
    expect(readReport(report)).toMatchObject({
      answered: true,
      serious: ['x: critical: Bad. https://example.org'],
      others: 1,
    });
    expect(readReport('{"advisories": {}}')).toMatchObject({ answered: true, serious: [], others: 0 });
  });

  it('is none when there is an error, or nothing', () => {
    expect(readReport('{"error": {"message": "405"}}')).toMatchObject({ answered: false, why: '405' });
    expect(readReport('')).toMatchObject({ answered: false });
  });
});
