import type { Profiler } from 'node:inspector';
import { describe, expect, it } from 'vitest';
import { parseProcessMetrics } from '../../src/bench/worker-metrics.js';
import { analyseProfile } from '../../src/profile/categories.js';

type Node = Profiler.ProfileNode;

function node(id: number, functionName: string, url: string, children: number[] = []): Node {
  const callFrame = { functionName, url, scriptId: '0', lineNumber: 9, columnNumber: 0 };
  return { id, callFrame, hitCount: 0, children };
}

describe('analyseProfile', () => {
  const nodes = [
    node(1, '(root)', '', [2, 3, 4, 5, 8]),
    node(2, '(idle)', ''),
    node(3, '(garbage collector)', ''),
    node(4, 'conv2d', 'wasm://wasm/1234'),
    node(5, 'write', 'file:///x/apps/workers/dist/mesh/link.js', [6]),
    node(6, 'write', 'node:net', [7]),
    node(7, 'writeBuffer', ''),
    node(8, 'dispatch', 'node:inspector'),
  ];

  it('gives each sample the time until the next, by category, without idle and the profiler', () => {
    const profile = {
      nodes,
      startTime: 0,
      endTime: 0,
      samples: [4, 7, 2, 3, 5, 8, 2],
      timeDeltas: [0, 1000, 2000, 4000, 8000, 16_000, 32_000],
    };
    const times = analyseProfile(profile);
    expect(times.idleMs).toBe(4);
    expect(times.totalMs).toBe(1 + 2 + 4 + 8 + 16);
    expect(times.categories).toEqual([
      { category: 'mesh: frames and sessions', ms: 16 },
      { category: 'garbage collection', ms: 8 },
      { category: 'sockets and streams', ms: 2 },
      { category: 'kernels (WASM)', ms: 1 },
    ]);
    expect(times.functions.map(({ name }) => name)).toEqual([
      'write apps/workers/dist/mesh/link.js:10',
      '(garbage collector)',
      'writeBuffer',
      'conv2d',
    ]);
  });

  it('takes an empty profile', () => {
    expect(analyseProfile({ nodes: [node(1, '(root)', '')], startTime: 0, endTime: 0 })).toEqual({
      totalMs: 0,
      idleMs: 0,
      categories: [],
      functions: [],
    });
  });
});

describe('parseProcessMetrics', () => {
  const text = [
    '# HELP process_cpu_seconds_total Total user and system CPU time spent in seconds.',
    '# TYPE process_cpu_seconds_total counter',
    'process_cpu_seconds_total{worker="alice"} 1.25',
    'process_resident_memory_bytes{worker="alice"} 98304000',
    'trivet_mesh_sent_bytes_total{worker="alice"} 1.5e+6',
  ].join('\n');

  it('reads the three numbers', () => {
    expect(parseProcessMetrics(text)).toEqual({
      cpuSeconds: 1.25,
      residentBytes: 98_304_000,
      meshSentBytes: 1_500_000,
    });
  });

  it.each(['process_cpu_seconds_total', 'process_resident_memory_bytes', 'trivet_mesh_sent_bytes_total'])(
    'says when %s is missing or no number',
    (metric) => {
      const without = text.replace(`${metric}{`, `other_${metric}{`);
      const broken = text.replace(new RegExp(`^(${metric}\\{.*\\}) .*`, 'm'), '$1 many');
      for (const changed of [without, broken]) {
        expect(changed).not.toBe(text);
        expect(() => parseProcessMetrics(changed)).toThrow(`no number ${metric}`);
      }
    },
  );
});
