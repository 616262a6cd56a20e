/** The faults that the soak and the tests inject: what happens, to whom, for how long, chosen by a seed. */

import type { SeededRandom } from '@trivet/seeded-random';
import { clientRoute, meshRoute, type ServingCluster } from '../bench/cluster.js';
import { type Impairment, UNIMPAIRED } from '../relay/impairment.js';
import { MISBEHAVIOURS, misbehaving } from './misbehaviours.js';
import { fillDisk, freeze, slowDown, thaw, type WorkerProcess } from './process-faults.js';

type WorkerIndex = 0 | 1 | 2;

/** Puts everything right again. */
export type Heal = () => Promise<void>;

interface Scene {
  readonly serving: ServingCluster;
  readonly worker: WorkerIndex;
  readonly process: WorkerProcess;
  readonly random: SeededRandom;
}

interface FaultType {
  /** Shortest and longest, in seconds; what heals itself has none. */
  readonly seconds: readonly [number, number];
  /** Whether the worker's process is another one afterwards. */
  readonly replacesProcess?: true;
  inject(scene: Scene): Promise<Heal>;
}

const onRoute =
  (route: (worker: WorkerIndex) => number, impairment: (random: SeededRandom) => Impairment) =>
  async ({ serving, worker, random }: Scene): Promise<Heal> => {
    const relay = serving.relay!;
    await relay.impair(route(worker), impairment(random));
    return () => relay.impair(route(worker), UNIMPAIRED);
  };

const kill = async ({ process }: Scene): Promise<Heal> => {
  await process.stop('SIGKILL');
  return async () => process.start();
};

const restart = async ({ process }: Scene): Promise<Heal> => {
  await process.stop('SIGTERM');
  return async () => process.start();
};

const frozen = async ({ process }: Scene): Promise<Heal> => {
  freeze(process);
  return async () => thaw(process);
};

/** Only what its peers can tell from honest frames: noise of the right length is a wrong answer, by assumption. */
const REFUSABLE = MISBEHAVIOURS.filter((mode) => mode !== 'payloads');

const misbehave = async ({ process, random }: Scene): Promise<Heal> => {
  await process.stop('SIGKILL');
  process.start(misbehaving(random.pick(REFUSABLE), random.below(2 ** 31)));
  return async () => {
    await process.stop('SIGKILL');
    process.start();
  };
};

/** By name; `mesh` is a worker's connection to the one before it, `client` those of all clients to a worker. */
const FAULTS = {
  kill: { seconds: [0.5, 4], replacesProcess: true, inject: kill },
  restart: { seconds: [0, 2], replacesProcess: true, inject: restart },
  misbehave: { seconds: [3, 7], replacesProcess: true, inject: misbehave },
  /** Shorter than the silence after which its peers give it up. */
  freeze: { seconds: [0.5, 4], inject: frozen },
  'long freeze': { seconds: [6, 10], inject: frozen },
  slow: {
    seconds: [3, 8],
    inject: async ({ process, random }) => slowDown(process, random.pick([2, 4, 8])),
  },
  'disk full': { seconds: [3, 8], inject: async ({ process }) => fillDisk(process) },
  'mesh cut': { seconds: [0, 5], inject: onRoute(meshRoute, () => ({ cut: true })) },
  'mesh stalled': { seconds: [1, 10], inject: onRoute(meshRoute, () => ({ stalled: true })) },
  'mesh half closed': { seconds: [0, 2], inject: onRoute(meshRoute, () => ({ halfClosed: true })) },
  'mesh delayed': {
    seconds: [2, 8],
    inject: onRoute(meshRoute, (random) => ({ extraDelayMs: random.between(5, 200) })),
  },
  'mesh throttled': {
    seconds: [2, 8],
    inject: onRoute(meshRoute, (random) => ({ bytesPerSecond: random.between(50_000, 2_000_000) })),
  },
  'mesh garbled': {
    seconds: [1, 5],
    inject: onRoute(meshRoute, (random) => ({
      garbled: { seed: random.below(2 ** 31), everyBytes: 10_000 },
    })),
  },
  'client cut': { seconds: [0, 5], inject: onRoute(clientRoute, () => ({ cut: true })) },
  'client stalled': { seconds: [1, 8], inject: onRoute(clientRoute, () => ({ stalled: true })) },
  'client half closed': { seconds: [0, 2], inject: onRoute(clientRoute, () => ({ halfClosed: true })) },
  'client delayed': {
    seconds: [2, 8],
    inject: onRoute(clientRoute, (random) => ({ extraDelayMs: random.between(5, 300) })),
  },
  'client throttled': {
    seconds: [2, 8],
    inject: onRoute(clientRoute, (random) => ({ bytesPerSecond: random.between(20_000, 500_000) })),
  },
  'client garbled': {
    seconds: [1, 5],
    inject: onRoute(clientRoute, (random) => ({
      garbled: { seed: random.below(2 ** 31), everyBytes: 5_000 },
    })),
  },
} as const satisfies Record<string, FaultType>;

export type FaultKind = keyof typeof FAULTS;
export const FAULT_KINDS = Object.keys(FAULTS) as readonly FaultKind[];

/** Those after which the worker's process is another one. */
export function replacesProcess(kind: FaultKind): boolean {
  const fault: FaultType = FAULTS[kind];
  return fault.replacesProcess === true;
}

export interface PlannedFault {
  readonly kind: FaultKind;
  readonly worker: WorkerIndex;
  readonly seconds: number;
}

/** Faults without end: every kind once, in a random order, then every kind again, in another one. */
export function* planFaults(random: SeededRandom): Generator<PlannedFault, never> {
  for (;;) {
    for (const kind of random.shuffled(FAULT_KINDS)) {
      const [least, most] = FAULTS[kind].seconds;
      yield { kind, worker: random.below(3) as WorkerIndex, seconds: random.between(least, most) };
    }
  }
}

/** Makes it happen; nothing heals before `Heal` is called. */
export function inject(serving: ServingCluster, fault: PlannedFault, random: SeededRandom): Promise<Heal> {
  const process = serving.local.workers[fault.worker];
  const { inject: start }: FaultType = FAULTS[fault.kind];
  return start({ serving, worker: fault.worker, process, random });
}
