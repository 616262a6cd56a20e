import type { WorkerView } from '@trivet/client';
import { describe, expect, it } from 'vitest';
import type { ModelSummary } from '../../compute/worker/messages.js';
import { useAppStore } from '../../stores/app-store.js';
import type { Moment } from '../../stores/history-slice.js';
import { faultsOf } from './faults.js';

const MODEL: ModelSummary = {
  name: 'mnist',
  version: 1,
  state: 'AVAILABLE',
  takesDigits: true,
  reveal: 'logits',
  protocol: 'replicated',
  protocols: ['replicated'],
  access: 'tokens',
  served: 0,
  requestLimit: null,
};
const NAMES = ['alice', 'bob', 'carol'] as const;

interface Change {
  readonly reachable?: boolean;
  readonly version?: string;
  readonly queueLength?: number;
  /** Peers that are lost, and round trips of the others. */
  readonly lost?: readonly string[];
  readonly roundTripMs?: number;
}

function workers(changes: Partial<Record<(typeof NAMES)[number], Change>> = {}): WorkerView[] {
  return NAMES.map((name, index) => {
    const {
      reachable = true,
      version = '1.0.0',
      queueLength = 0,
      lost = [],
      roundTripMs = 1,
    } = changes[name] ?? {};
    const peers = NAMES.filter((other) => other !== name).map((other) => ({
      name: other,
      connected: !lost.includes(other),
      roundTripMs,
    }));
    return {
      index,
      name,
      url: `http://${name}.example`,
      reachable,
      problem: reachable ? null : `Worker "${name}" cannot be reached.`,
      status: { ready: lost.length === 0, operation: { version, queueLength, peers } },
    } as unknown as WorkerView;
  });
}

/** So many moments in which the workers were like this. */
function lasting(views: readonly WorkerView[], moments: number): readonly Moment[] {
  useAppStore.setState({ history: [] });
  for (let second = 0; second < moments; second++) useAppStore.getState().record(second, views);
  return useAppStore.getState().history;
}

const idsOf = (views: WorkerView[], models: ModelSummary[], history: readonly Moment[] = []) =>
  faultsOf(views, models, history).map((fault) => fault.id);

describe('faultsOf', () => {
  it('finds nothing where nothing is wrong', () => {
    expect(faultsOf(workers(), [MODEL], [])).toEqual([]);
  });

  it('repeats why a worker is away, says how to start it, and does not blame those who lost it', () => {
    const faults = faultsOf(
      workers({ bob: { reachable: false }, alice: { lost: ['bob'] }, carol: { lost: ['bob'] } }),
      [MODEL],
      [],
    );
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatchObject({ id: 'away bob', severity: 'stops' });
    expect(faults[0]!.means).toContain('cannot be reached');
    expect(faults[0]!.todo).toContain('`trivet worker --config bob.json`');
  });

  it('names a broken pair once', () => {
    expect(idsOf(workers({ alice: { lost: ['carol'] }, carol: { lost: ['alice'] } }), [MODEL])).toEqual([
      'link alice carol',
    ]);
  });

  it('sees slow lines, long queues and different versions, which stop nobody', () => {
    const slow = workers({ alice: { version: '1.1.0', roundTripMs: 200, queueLength: 40 } });
    const faults = faultsOf(slow, [MODEL], lasting(slow, 3));
    expect(faults.map(({ id }) => id)).toEqual([
      'versions',
      'slow alice bob',
      'slow alice carol',
      'busy alice',
    ]);
    expect(new Set(faults.map(({ severity }) => severity))).toEqual(new Set(['slows']));
  });

  it('takes one late message and one long queue for none', () => {
    const [well, slow] = [workers(), workers({ alice: { roundTripMs: 200, queueLength: 40 } })];
    expect(idsOf(slow, [MODEL], lasting(slow, 2))).toEqual([]);
    expect(idsOf(slow, [MODEL], [...lasting(slow, 4), ...lasting(well, 1), ...lasting(slow, 2)])).toEqual([]);
    expect(idsOf(slow, [MODEL], [...lasting(well, 4), ...lasting(slow, 3)])).toHaveLength(3);
    expect(idsOf(well, [MODEL], [...lasting(slow, 3), ...lasting(well, 1)])).toEqual([]);
  });

  it.each<[string, ModelSummary[]]>([
    ['no model', []],
    ['loading', [{ ...MODEL, state: 'LOADING' }]],
    ['not served', [{ ...MODEL, state: 'END' }]],
  ])('says when there is nothing to ask: %s', (id, models) => {
    expect(idsOf(workers(), models)).toEqual([id]);
  });
});
