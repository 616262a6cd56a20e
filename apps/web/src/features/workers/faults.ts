/**
 * What is wrong with the three workers, from their reports: what it means for the visitor, and what to do. Workers tell how
 * they are to those who look after them; for others there is less to see.
 */
import type { WorkerView } from '@trivet/client';
import { formatMilliseconds } from '../../components/format.js';
import type { ModelSummary } from '../../compute/worker/messages.js';
import type { Moment } from '../../stores/history-slice.js';
import { describeWorker } from './describe-worker.js';

export interface Fault {
  /** Names the fault among the others. */
  readonly id: string;
  readonly severity: 'stops' | 'slows';
  readonly title: string;
  /** What it means for predictions. */
  readonly means: string;
  /** What to do; `commands` in backticks. */
  readonly todo: string;
}

/** A round trip from which on the wait between rounds is felt: a digit takes some ten rounds. */
const SLOW_ROUND_TRIP_MS = 150;
const LONG_QUEUE = 20;
/** What slows predictions is a fault when it was so in each of the last moments: one late message is none. */
const LASTING_MOMENTS = 3;

/** @param history the last minutes, oldest first */
export function faultsOf(
  workers: readonly WorkerView[],
  models: readonly ModelSummary[],
  history: readonly Moment[],
): Fault[] {
  const lately = history.slice(-LASTING_MOMENTS);
  // Too early to say.
  const lasting = lately.length < LASTING_MOMENTS ? [] : lately;
  const here = workers.filter((worker) => worker.reachable && worker.status !== null);
  return [
    ...workers.filter(isAway).map(away),
    ...lostLinks(here),
    ...versions(here),
    ...slowLinks(here, lasting),
    ...here.flatMap((worker) => busy(worker, lasting)),
    ...(here.length === 3 ? modelFaults(models) : []),
  ];
}

const isAway = (worker: WorkerView) => describeWorker(worker).level === 'away';

function away({ name, problem }: WorkerView): Fault {
  return {
    id: `away ${name}`,
    severity: 'stops',
    title: `${name} is away`,
    means: `${problem ?? `Worker "${name}" cannot be reached.`} Each prediction needs all three workers, so there is no answer until it is back. Nothing is lost: its models are on its disk.`,
    todo: `On its machine, start it with \`trivet worker --config ${name}.json\`. If it runs, look at its address and at the firewall between here and there. This page notices by itself.`,
  };
}

/** Each broken pair once, however many of the two report it. */
function lostLinks(here: readonly WorkerView[]): Fault[] {
  const names = new Set(here.map((worker) => worker.name));
  const pairs = new Map<string, readonly [string, string]>();
  for (const { name, status } of here) {
    for (const peer of status?.operation?.peers ?? []) {
      // One that is away itself is a fault of its own.
      if (peer.connected || !names.has(peer.name)) continue;
      const pair = [name, peer.name].sort() as [string, string];
      pairs.set(pair.join(' '), pair);
    }
  }
  return [...pairs].map(([key, [one, other]]) => ({
    id: `link ${key}`,
    severity: 'stops' as const,
    title: `${one} and ${other} do not see each other`,
    means:
      'This page reaches both, but they cannot talk: every layer of a prediction needs messages between them.',
    todo: `They dial again by themselves. If it lasts, look at the \`mesh\` addresses in \`${one}.json\` and \`${other}.json\`, at the firewall between the two, and in their logs for a refused certificate.`,
  }));
}

function versions(here: readonly WorkerView[]): Fault[] {
  const told = here.flatMap(({ name, status }) =>
    status?.operation == null ? [] : [{ name, version: status.operation.version }],
  );
  if (new Set(told.map(({ version }) => version)).size < 2) return [];
  const list = told.map(({ name, version }) => `${name} ${version}`).join(', ');
  return [
    {
      id: 'versions',
      severity: 'slows',
      title: 'The workers run different versions',
      means: `${list}. They talk to each other as long as the wire version is the same, but they are meant to be updated together.`,
      todo: 'Update the older ones, one after the other; each comes back with its models.',
    },
  ];
}

function slowLinks(here: readonly WorkerView[], lasting: readonly Moment[]): Fault[] {
  const slow = here.flatMap(({ index, name, status }) =>
    (status?.operation?.peers ?? [])
      .filter((peer) => peer.connected && name < peer.name)
      .map((peer) => ({ peer: peer.name, name, roundTripMs: quickest(lasting, index, peer.name) }))
      .filter(({ roundTripMs }) => roundTripMs >= SLOW_ROUND_TRIP_MS),
  );
  return slow.map(({ name, peer, roundTripMs }) => ({
    id: `slow ${name} ${peer}`,
    severity: 'slows',
    title: `The line between ${name} and ${peer} is slow`,
    means: `A message and its answer take ${formatMilliseconds(roundTripMs)}. Every round of a prediction waits for half of that, so one digit takes many times as long.`,
    todo: 'The page Compare shows what other protocols would make of such a line. Workers that stand closer together answer faster.',
  }));
}

/** Of the round trips that were reported; 0 when none was. */
function quickest(moments: readonly Moment[], from: number, to: string): number {
  const times = moments.map(({ workers }) => workers[from]?.roundTrips[to] ?? 0);
  return times.length === 0 ? 0 : Math.min(...times);
}

function busy({ index, name }: WorkerView, lasting: readonly Moment[]): Fault[] {
  const queues = lasting.map(({ workers }) => workers[index]?.queue ?? 0);
  const waiting = queues.length === 0 ? 0 : Math.min(...queues);
  if (waiting < LONG_QUEUE) return [];
  const fault: Fault = {
    id: `busy ${name}`,
    severity: 'slows',
    title: `${name} is busy`,
    means: `${waiting} requests wait there. New ones take longer, and from the limit on they are refused with a sentence that says so.`,
    todo: 'Wait, or let whoever sends so much send less at once. A larger `maxBatchSize` makes each batch carry more.',
  };
  return [fault];
}

function modelFaults(models: readonly ModelSummary[]): Fault[] {
  if (models.some((model) => model.state === 'AVAILABLE')) return [];
  if (models.length === 0) {
    return [
      {
        id: 'no model',
        severity: 'stops',
        title: 'No model is open to this page',
        means: 'The workers are ready, but show nothing to ask: none is shared, or each needs a token.',
        todo: 'Put the token that you were given into the settings. Their owner shares one on the page Model, or with `trivet share`.',
      },
    ];
  }
  const loading = models.find((model) => model.state === 'LOADING');
  if (loading !== undefined) {
    return [
      {
        id: 'loading',
        severity: 'stops',
        title: `${loading.name} is not on all three workers`,
        means: 'A model answers only when each worker holds its share of it.',
        todo: 'Wait a moment; if it stays so, share the model again.',
      },
    ];
  }
  return [
    {
      id: 'not served',
      severity: 'stops',
      title: `${models[0]!.name} is shared but not served`,
      means: 'The workers answer nobody before the owner says so.',
      todo: `Its owner starts it on the page Model, or with \`trivet serve ${models[0]!.name}\`.`,
    },
  ];
}
