import type { WorkerView } from '@trivet/client';
import { describe, expect, it } from 'vitest';
import { describeModel, describeWorker } from './describe-worker.js';

describe('describeWorker', () => {
  const worker = (more: Partial<WorkerView>): WorkerView => ({
    index: 0,
    name: 'alice',
    url: 'http://localhost:4000',
    reachable: true,
    problem: null,
    status: { ready: true } as unknown as WorkerView['status'],
    ...more,
  });

  it.each<[string, Partial<WorkerView>]>([
    ['ready', {}],
    ['waiting', { status: { ready: false } as unknown as WorkerView['status'] }],
    ['away', { reachable: false, problem: 'Worker "alice" cannot be reached.' }],
    ['connecting', { reachable: false, status: null, problem: null }],
    // Its first report is here, and its connection not yet.
    ['connecting', { reachable: false, problem: null }],
  ])('says %s', (level, more) => {
    expect(describeWorker(worker(more))).toEqual({ level, label: level });
  });
});

describe('describeModel', () => {
  const model = {
    name: 'mnist',
    version: 2,
    takesDigits: true,
    reveal: 'logits',
    served: 1234,
    protocol: 'replicated',
    protocols: ['replicated'],
    access: 'tokens',
  } as const;

  it('counts what is served, against the limit if there is one', () => {
    expect(describeModel({ ...model, state: 'AVAILABLE', requestLimit: null })).toBe(
      'mnist v2, 1,234 served',
    );
    expect(describeModel({ ...model, state: 'AVAILABLE', requestLimit: 5000 })).toBe(
      'mnist v2, 1,234 of 5,000 served',
    );
    const local = describeModel({ ...model, state: 'AVAILABLE', requestLimit: null, access: 'local' });
    expect(local).toContain('served, open to this computer only');
    expect(describeModel({ ...model, state: 'END', requestLimit: null })).toBe('mnist v2, not served');
  });
});
