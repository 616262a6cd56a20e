/** The fuzzer finds what it is for; and a short, seeded run of every decoder finds nothing. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Coverage } from '../src/coverage.js';
import { readFinding, saveFinding } from '../src/crashes.js';
import { fuzzTarget } from '../src/fuzz-target.js';
import { Mutator } from '../src/mutate/mutate.js';
import { Choices } from '../src/mutate/random.js';
import { type Finding, Oracle } from '../src/oracle.js';
import { formatResults, summaryJson } from '../src/report.js';
import { type PreparedTarget, promise, type Target } from '../src/target.js';
import { CATALOGUE, loadTarget } from '../src/targets/index.js';
import { toyDecoder } from './toy-decoder.js';

const SEED = 20_261_122;
/** About a third of a second for each decoder. */
const CASES = 250;
const MODEL_CASES = 100;
/** Those that agree on keys, or write files, each time. */
const SLOW = ['worker-channel', 'client-channel', 'cluster-upgrade'];
const SLOW_CASES = 40;
const NO_LIMIT = 600_000;

class Refused extends Error {}

function toy(run: (input: Uint8Array) => unknown, limits: Partial<Target> = {}): [Target, PreparedTarget] {
  const prepared = { seeds: [Buffer.alloc(6)], run, expects: (error: unknown) => error instanceof Refused };
  return [{ name: 'toy', form: 'bytes', prepare: () => prepared, ...limits }, prepared];
}

const judge = (run: (input: Uint8Array) => unknown, limits: Partial<Target> = {}) =>
  new Oracle(...toy(run, limits)).judge(Buffer.alloc(4));

describe('the oracle', () => {
  it('lets pass what is taken, and what is refused as it should be', async () => {
    expect(await judge(() => 1)).toMatchObject({ finding: null, accepted: true });
    const refuses = () => {
      throw new Refused();
    };
    expect(await judge(refuses)).toMatchObject({ finding: null, accepted: false });
    expect(await judge(async () => refuses())).toMatchObject({ finding: null, accepted: false });
  });

  it('notices errors of another type, and broken promises', async () => {
    const types = [
      () => (undefined as unknown as { x: number }).x,
      () => {
        throw 'a text';
      },
      async () => {
        throw new RangeError('late');
      },
    ];
    for (const run of types) expect((await judge(run)).finding?.kind).toBe('error');
    expect((await judge(() => promise(false, 'two spellings'))).finding?.kind).toBe('promise');
  });

  it('notices what changes the prototypes of all objects, and mends it', async () => {
    const { finding } = await judge(() => Object.assign(Object.prototype, { polluted: true }));
    expect(finding).toMatchObject({ kind: 'pollution', what: 'changed Object.prototype' });
    expect('polluted' in {}).toBe(false);
  });

  it('notices too much time, and too much memory', async () => {
    const slow = () => {
      const { user } = process.cpuUsage();
      while (process.cpuUsage().user - user < 40_000);
    };
    expect((await judge(slow, { maxMs: 10 })).finding?.kind).toBe('slow');
    const kept: Uint8Array[] = [];
    expect((await judge(() => kept.push(new Uint8Array(2 ** 27)))).finding?.kind).toBe('memory');
  });
});

describe('the fuzzer', () => {
  const options = { seed: SEED, maxCases: 25_000, maxMs: NO_LIMIT };

  it('is led by coverage to a fault that chance alone does not reach', async () => {
    const found: Finding[] = [];
    const coverage = new Coverage(/toy-decoder/);
    try {
      const onFinding = (finding: Finding) => found.push(finding);
      // However busy this machine is.
      const guided = { coverage, slowPerSecond: 0 };
      const led = await fuzzTarget(...toy(toyDecoder), { ...options, ...guided, onFinding });
      expect(led.corpus).toBeGreaterThanOrEqual(6);
    } finally {
      coverage.close();
    }
    expect(found.map(({ what }) => what)).toEqual([expect.stringContaining('TypeError: the fault')]);
    expect(() => toyDecoder(found[0]!.input)).toThrow('the fault');
    const blind = await fuzzTarget(...toy(toyDecoder), { ...options, coverage: null });
    expect(blind.findings).toBe(0);
  }, 120_000);

  it('does the same for the same seed', async () => {
    const inputs = async (seed: number) => {
      const seen: string[] = [];
      const onCase = (input: Uint8Array) => seen.push(Buffer.from(input).toString('hex'));
      await fuzzTarget(...toy(() => undefined), {
        seed,
        maxCases: 200,
        maxMs: NO_LIMIT,
        coverage: null,
        onCase,
      });
      return seen;
    };
    expect(await inputs(1)).toEqual(await inputs(1));
    expect(await inputs(1)).not.toEqual(await inputs(2));
  });

  it('changes what is nested very deep, too', () => {
    const deep = Buffer.from(`{"a":${'['.repeat(20_000)}${']'.repeat(20_000)},"b":1}`);
    const mutator = new Mutator({ form: 'json' }, [deep], new Choices(SEED, 1));
    for (let at = 0; at < 60; at++) expect(mutator.next().length).toBeGreaterThan(0);
  });

  it('does not begin with an input that the decoder refuses', async () => {
    const [target, prepared] = toy(() => {
      throw new Refused();
    });
    await expect(fuzzTarget(target, prepared, { ...options, coverage: null })).rejects.toThrow(
      /valid inputs/,
    );
  });

  it('saves an input so that its file says how to run it again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'trivet-fuzz-'));
    try {
      const input = Buffer.from('input');
      const finding = { target: 'page-batch', kind: 'error', what: 'a fault', signature: '', input } as const;
      const file = await saveFinding(folder, finding, { seed: 7, coverage: false });
      expect(await readFinding(file)).toEqual({ target: 'page-batch', input: new Uint8Array(input) });
      expect(JSON.parse(await readFile(file.replace(/bin$/, 'json'), 'utf8'))).toEqual({
        target: 'page-batch',
        kind: 'error',
        what: 'a fault',
        bytes: 5,
        seed: 7,
        coverage: false,
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('reports a table, and a line that programs read', () => {
    const one = { accepted: 1, corpus: 1, functions: 0, seconds: 1 };
    const results = [
      { ...one, target: 'a', cases: 10, findings: 1, slowestMs: 2 },
      { ...one, target: 'b', cases: 5, findings: 0, slowestMs: 3.04 },
    ];
    expect(formatResults({ seed: 7, seconds: 2, results })).toMatch(/decoder +cases.*\na +10 .*\nb +5 /);
    expect(JSON.parse(summaryJson({ seed: 7, seconds: 2, results })).fuzz).toMatchObject({
      seed: 7,
      cases: 15,
      crashes: 1,
      slowest: { decoder: 'b', milliseconds: 3 },
      decoders: { a: { cases: 10, crashes: 1, seconds: 1 }, b: { cases: 5, crashes: 0, seconds: 1 } },
    });
  });
});

describe('the program', () => {
  it('gives each decoder the same time, and says what it did in JSON', async () => {
    const args = [
      'main.mjs',
      '--seconds',
      '1',
      '--only',
      'signatures',
      '--only',
      'client-token',
      '--seed',
      '5',
    ];
    const cwd = new URL('..', import.meta.url);
    const stdout = await new Promise<string>((resolve, reject) =>
      execFile(process.execPath, args, { cwd }, (error, out) =>
        error === null ? resolve(out) : reject(error),
      ),
    );
    expect(stdout).toContain('2 decoders, 500 ms each, seed 5.');
    const { fuzz } = JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
    expect(fuzz).toMatchObject({ seed: 5, crashes: 0 });
    expect(Object.keys(fuzz.decoders)).toEqual(['signatures', 'client-token']);
    for (const { cases, seconds } of Object.values<{ cases: number; seconds: number }>(fuzz.decoders)) {
      expect(cases).toBeGreaterThan(0);
      expect(seconds).toBeGreaterThanOrEqual(0.5);
    }
  }, 120_000);
});

describe('every decoder', () => {
  const open: PreparedTarget[] = [];
  afterAll(async () => {
    for (const prepared of open) await prepared.close?.();
  });

  it.each([...CATALOGUE])(
    '%s survives a short run',
    async (name, { group }) => {
      const target = await loadTarget(name);
      const prepared = await target.prepare();
      open.push(prepared);
      const found: Finding[] = [];
      await fuzzTarget(target, prepared, {
        seed: SEED,
        maxCases: SLOW.includes(name) ? SLOW_CASES : group === 5 ? MODEL_CASES : CASES,
        maxMs: NO_LIMIT,
        coverage: null,
        onFinding: (finding) => found.push(finding),
      });
      const reports = found.map(
        ({ kind, what, input }) => `${kind}: ${what}: ${Buffer.from(input).toString('base64')}`,
      );
      expect(reports).toEqual([]);
    },
    120_000,
  );
});

describe('inputs that were found once', () => {
  const folder = new URL('../regressions/', import.meta.url);

  it('are refused as they should be', async () => {
    const files = (await readdir(folder)).filter((name) => name.endsWith('.bin'));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const { target: name, input } = await readFinding(new URL(file, folder).pathname);
      const target = await loadTarget(name);
      const prepared = await target.prepare();
      expect([file, (await new Oracle(target, prepared).judge(input)).finding?.what]).toEqual([
        file,
        undefined,
      ]);
      await prepared.close?.();
    }
  }, 60_000);
});
