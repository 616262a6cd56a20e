/** The results of a run: a table for people, a line of JSON for programs. */
import { formatTable } from '../../../apps/cli/src/terminal/table.js';
import type { FuzzResult } from './fuzz-target.js';

export interface Totals {
  readonly seed: number;
  readonly seconds: number;
  readonly results: readonly FuzzResult[];
}

export function formatResults({ results }: Totals): string {
  const rows = results.map(({ target, cases, accepted, corpus, functions, findings, seconds, slowestMs }) => [
    target,
    cases,
    accepted,
    corpus,
    functions,
    findings,
    Number(seconds.toFixed(1)),
    Number(slowestMs.toFixed(1)),
  ]);
  const headings = ['decoder', 'cases', 'accepted', 'corpus', 'functions', 'found', 'seconds', 'slowest ms'];
  return formatTable(headings, rows);
}

export function summaryJson({ seed, seconds, results }: Totals): string {
  const slowest = results.reduce(
    (worst, one) => (one.slowestMs > worst.slowestMs ? one : worst),
    results[0]!,
  );
  return JSON.stringify({
    fuzz: {
      seed,
      seconds: Number(seconds.toFixed(1)),
      cases: results.reduce((sum, one) => sum + one.cases, 0),
      crashes: results.reduce((sum, one) => sum + one.findings, 0),
      slowest: { decoder: slowest.target, milliseconds: Number(slowest.slowestMs.toFixed(1)) },
      decoders: Object.fromEntries(
        results.map(({ target, cases, accepted, corpus, findings, seconds }) => [
          target,
          { cases, accepted, corpus, crashes: findings, seconds: Number(seconds.toFixed(1)) },
        ]),
      ),
    },
  });
}
