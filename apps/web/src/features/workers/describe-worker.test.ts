import type { WorkerView } from '@trivet/client';
import { describe, expect, it } from 'vitest';
import { describeModel, describeWorker } from './describe-worker.js';

function worker(more: Partial<WorkerView>, peers: readonly [string, boolean][] = []): WorkerView {
  const status = {
    ready: peers.every(([, connected]) => connected),
    peers: peers.map(([name, connected]) => ({ name, connected, roundTripMs: null })),
  };
  return {
    index: 0,
    name: 'alice',
    url: 'http://localhost:4000',
    reachable: true,
    problem: null,
    status: status as unknown as WorkerView['status'],
    ...more,
  };
}

describe('describeWorker', () => {
  it('says nothing more of a worker that is ready', () => {
    expect(describeWorker(worker({}))).toEqual({ level: 'ready', label: 'ready', advice: null });
  });

  it('names the peers that a worker waits for', () => {
    const one = worker({}, [
      ['bob', false],
      ['carol', true],
    ]);
    expect(describeWorker(one).advice).toBe('alice has lost bob and waits for it to come back.');
    const both = worker({}, [
      ['bob', false],
      ['carol', false],
    ]);
    expect(describeWorker(both)).toMatchObject({
      level: 'waiting',
      advice: 'alice has lost bob and carol and waits for them to come back.',
    });
  });

  it('repeats why a worker is away and says how to start it', () => {
    const condition = describeWorker(
      worker({ reachable: false, problem: 'Worker "alice" cannot be reached.' }),
    );
    expect(condition.level).toBe('away');
    expect(condition.advice).toContain('cannot be reached. Start it with `');
    expect(condition.advice).toContain('alice.json');
  });

  it('does not alarm anybody in the first moment', () => {
    const first = worker({ reachable: false, status: null, problem: 'Connecting.' });
    expect(describeWorker(first)).toMatchObject({ level: 'connecting', advice: null });
  });
});

describe('describeModel', () => {
  const model = {
    name: 'mnist',
    version: 2,
    takesDigits: true,
    served: 1234,
    protocol: 'replicated',
    protocols: ['replicated'],
  } as const;

  it('counts what is served, against the limit if there is one', () => {
    expect(describeModel({ ...model, state: 'AVAILABLE', requestLimit: null })).toBe(
      'mnist v2, 1,234 served',
    );
    expect(describeModel({ ...model, state: 'AVAILABLE', requestLimit: 5000 })).toBe(
      'mnist v2, 1,234 of 5,000 served',
    );
    expect(describeModel({ ...model, state: 'END', requestLimit: null })).toBe('mnist v2, not served');
  });
});
