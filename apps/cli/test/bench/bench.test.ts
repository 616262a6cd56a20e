/** A whole bench run, short, on a small model: real workers, a real relay, the real plaintext backend. */
import { loadMnist } from '@trivet/mnist';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bench } from '../../src/bench/bench.js';
import type { Budget } from '../../src/bench/repeat.js';
import { type BenchReport, quickReport } from '../../src/bench/report.js';
import type { BenchSettings } from '../../src/bench/settings.js';
import { formatReport } from '../../src/bench/table.js';
import { start, temporaryDirectory, writeNearestMeanModel } from '../support.js';

const FEW: Budget = { warmUpMs: 0, measureMs: 0, minRuns: 3, maxRuns: 3 };
const SETTINGS: BenchSettings = {
  warmUpMs: 300,
  plaintextSingle: FEW,
  plaintextBatch: FEW,
  single: FEW,
  batches: [{ digits: 100, budget: FEW }],
  loads: [{ clients: 2, requestSize: 5, warmUpMs: 100, measureMs: 500 }],
  allDigits: { digits: 300, requestSize: 100 },
  estimates: true,
  soak: [100, 200],
};
const RTT_MS = 16;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let model: string;
let report: BenchReport;

beforeAll(async () => {
  directory = await temporaryDirectory();
  model = await writeNearestMeanModel(directory.path, await loadMnist('train'));
  const stages: string[] = [];
  report = await bench({
    model,
    protocols: ['replicated'],
    rttMs: RTT_MS,
    reveal: 'logits',
    quick: true,
    evaluatorsApart: true,
    settings: SETTINGS,
    furtherSettings: SETTINGS,
    signal: AbortSignal.timeout(100_000),
    onStage: (what) => stages.push(what),
  });
  expect(stages).toContain('replicated: one digit at a time');
}, 120_000);

afterAll(() => directory.remove());

describe('bench', () => {
  it('times real requests: none is faster than its round trip', () => {
    const replicated = report.protocols.replicated!;
    expect(report.relayRoundTripMs).toBeGreaterThanOrEqual(RTT_MS);
    expect(replicated.single.request.samples).toBe(3);
    expect(replicated.single.request.min).toBeGreaterThan(RTT_MS);
    expect(replicated.batches.map(({ digits }) => digits)).toEqual([1, 100]);
    expect(replicated.loads[0]!.request.min).toBeGreaterThan(RTT_MS);
    expect(report.plaintext.single.samples).toBe(6);
    expect(report.plaintext.single.p50).toBeLessThan(replicated.single.request.p50);
  });

  it('counts what the workers and the client count', () => {
    const replicated = report.protocols.replicated!;
    // One dense layer: no rounds, and the reply is added up by the client.
    expect(replicated.rounds).toBe(0);
    expect(replicated.bytesSent).toEqual([0, 0, 0]);
    // Frames that start and end a batch are counted all the same.
    expect(Math.min(...replicated.meshBytesPerDigit)).toBeGreaterThan(0);
    // Two seeds; a seed and 784 words of 8 bytes; the words and a seed; headers of 64 bytes.
    expect(replicated.uploadBytes).toEqual([144, 112 + 6272, 112 + 6272]);
    expect(Math.min(...replicated.single.workerCpuMsPerDigit)).toBeGreaterThan(0);
    expect(replicated.single.clientCpuMsPerDigit).toBeGreaterThan(0);
    expect(Math.min(...replicated.residentBytes.start)).toBeGreaterThan(20_000_000);
    expect(replicated.soak?.points.map(({ digits }) => digits)).toEqual([100, 200]);
    // The nearest mean classifies about four digits in five.
    expect(replicated.loads[0]!.accuracy).toBeGreaterThan(0.6);
    expect(replicated.loads[0]!.digits % 5).toBe(0);
    expect(replicated.loads[0]!.meanBatch).toBeGreaterThanOrEqual(5);
    expect(replicated.loads[0]!.meanBatch).toBeLessThanOrEqual(10);
    expect(replicated.allDigits).toMatchObject({ digits: 300, requestSize: 100 });
    expect(replicated.allDigits!.accuracy).toBeGreaterThan(0.6);
  });

  it('makes the quick line', () => {
    const replicated = report.protocols.replicated!;
    expect(quickReport(report)).toEqual({
      plaintext: { p50_ms: expect.closeTo(report.plaintext.single.p50, 2) },
      protocols: {
        replicated: {
          p50_ms: expect.closeTo(replicated.single.request.p50, 2),
          p95_ms: expect.closeTo(replicated.single.request.p95, 2),
          batch100_ms: expect.closeTo(replicated.batches[1]!.request.p50, 2),
          digits_per_s: Math.round(replicated.loads[0]!.digitsPerSecond),
          rounds: 0,
          bytes_sent_max: Math.ceil(Math.max(...replicated.meshBytesPerDigit)),
          dealt_bytes_max: 0,
        },
      },
      upload_bytes: 12_912,
      rtt_ms: RTT_MS,
    });
  });

  it('holds the cost model against it', () => {
    const [replicated] = report.estimates!.protocols;
    expect(replicated!.overheads.requestMs).toBeGreaterThan(0);
    expect(replicated!.overheads.roundMs).toBeGreaterThan(0);
    expect(replicated!.predictedPerSecond).toBeGreaterThan(0);
    expect(replicated).toMatchObject({
      protocol: 'replicated',
      materialReady: false,
      predictedBytes: 0,
      measuredBytes: 0,
    });
    // One dense layer: its round trip, what a request costs, and next to no arithmetic.
    expect(replicated!.predictedMs).toBeGreaterThan(RTT_MS);
  });

  it('prints tables', () => {
    const text = formatReport(report);
    for (const part of [
      'plaintext',
      'to plaintext',
      'upload from the client',
      'memory over time',
      'cost model',
      'dense',
    ]) {
      expect(text).toContain(part);
    }
  });
});

it('refuses a model that is not there, and wrong options', async () => {
  const missing = await start('bench/main.js', ['--model', '/nowhere.h5']).ended;
  expect(missing.code).toBe(2);
  expect(missing.stderr).toContain('/nowhere.h5 does not exist');
  const wrong = await start('bench/main.js', ['--rtt', '-1']).ended;
  expect(wrong.code).toBe(2);
  expect(wrong.stdout).toBe('');
});
