/**
 * Predicts time and throughput of any plan under a protocol from its declared cost, a network and a machine. Nothing is
 * run for it but `calibrate`, once a machine and protocol, on operations of its own.
 *
 * One request waits for: the way to the workers and back; the leader's proposal, half a round trip, unless it is of one sample
 * and its client asks for one after the other; what a request costs
 * whatever the model is; for each round, half a round trip and what its messages cost; the arithmetic of three workers on the
 * cores that they share; and the bytes that its busiest worker sends, on the network and through its processes. Rounds wait for
 * the network and not for each other, so nothing overlaps. A worker counts as one thread, however many its kernels have.
 */
import { simulate } from '../channel/simulate.js';
import { multiplicationsOf } from '../graph/operations.js';
import type { Plan } from '../graph/plan.js';
import { Allocator, Arena } from '../kernels/arena.js';
import { createKernels } from '../kernels/create.js';
import type { Kernels } from '../kernels/kernels.js';
import type { Cost, Operation, Protocol, SessionContext } from '../protocols/protocol.js';
import { randomBytes, randomSeed } from '../random/entropy.js';
import { SessionStreams } from '../random/session-streams.js';
import { predictCost } from './cost.js';
import { planOperations } from './operations.js';
import { roundTripsOf } from './round-trips.js';

export interface Network {
  /** Between any two of the client and the workers. */
  readonly roundTripMs: number;
  /** Of each worker's connections together, one way. */
  readonly megabitsPerSecond: number;
  /** Cores that the three workers share; three for a machine each. */
  readonly cores: number;
}

/** What a service adds to the arithmetic. */
export interface Overheads {
  /** A request: sharing, sockets, batching, the answer. */
  readonly requestMs: number;
  /** A further sample of a request: sharing, sending and taking in its numbers. */
  readonly sampleMs: number;
  /** A round of a protocol: its messages through the processes, whoever sends them. */
  readonly roundMs: number;
  /**
   * How many times longer truncations and rectifications take beside the other processes of a service than by themselves, for one
   * request and nothing else: caches, shared cores, and messages that are larger where there are more values. Products take no
   * longer: they stay in the first caches.
   */
  readonly contention: number;
  /** The same while requests never end: hot caches and large batches, and clients that share the cores. */
  readonly loadedContention: number;
  /** Processor time of a byte between workers, of both ends together: encryption, sockets, copies. */
  readonly byteNanos: number;
}

/** CPU time of a protocol's operations on one machine, of the three workers together. */
export interface OperationSpeed {
  /** A truncation or rectification, however many values it has. */
  readonly operationMs: number;
  readonly truncateNanos: number;
  /** A value rectified at k = 24, and each bit more. */
  readonly rectifyNanos: number;
  readonly bitNanos: number;
}

export interface Speed {
  /** A multiplication of a linear step, at the three workers together. */
  readonly productNanos: number;
  /** Everything, what is dealt included. */
  readonly whole: OperationSpeed;
  /** With what was dealt ahead; as `whole` for a protocol that deals nothing ahead. */
  readonly online: OperationSpeed;
}

export interface Estimate extends Cost {
  /** From the client's numbers to its logits, for one request of `batch` samples. */
  readonly latencyMs: number;
  /** CPU time of the three workers together for it. */
  readonly computeMs: number;
  /** Samples a second when the workers are always busy with such batches. */
  readonly samplesPerSecond: number;
}

/**
 * Predicts one request of `batch` samples.
 *
 * @param dealtAhead whether the workers have dealt what they can before the request comes; of what a protocol cannot deal
 *   ahead, or not for so large a batch, the request waits all the same
 */
export function predict(
  plan: Plan,
  protocol: Protocol,
  network: Network,
  machine: { readonly speed: Speed; readonly overheads: Overheads },
  batch = 1,
  dealtAhead = true,
): Estimate {
  const { roundTripMs, megabitsPerSecond, cores } = network;
  const { roundMs, contention, loadedContention, byteNanos } = machine.overheads;
  const requestMs = machine.overheads.requestMs + (batch - 1) * machine.overheads.sampleMs;
  const largest = protocol.maxPreparedBatch ?? (protocol.prepare === undefined ? 0 : batch);
  const ahead = dealtAhead && batch <= largest;
  const { rounds, bytesSent, bytesDealt, bytesDealtTo } = predictCost(plan, protocol, batch, ahead);
  const { productNanos, whole, online } = machine.speed;
  const productsMs = productsTime(plan, productNanos, batch);
  const wholeMs = operationsTime(plan, whole, batch);
  const waitedMs = productsMs + contention * (ahead ? operationsTime(plan, online, batch) : wholeMs);
  const onWire = bytesSent.map((bytes, i) => (ahead ? bytes - bytesDealt[i]! : bytes));
  const bytesMs = (byteNanos * Math.max(...onWire)) / 1e6;
  const allBytesMs = (byteNanos * bytesSent.reduce((sum, bytes) => sum + bytes, 0)) / 1e6;
  const transferMs = (8 * Math.max(...onWire)) / (1000 * megabitsPerSecond);
  const allMs = (8 * Math.max(...bytesSent)) / (1000 * megabitsPerSecond);
  const parallel = Math.min(3, cores);
  const onTheWayMs = roundTripsOf(rounds, batch === 1) * roundTripMs;
  const latencyMs = onTheWayMs + requestMs + rounds * roundMs + waitedMs / parallel + bytesMs + transferMs;
  // Batches run beside each other: cores or connections are the limit, not waiting.
  const busyMs = Math.max(
    (productsMs + loadedContention * wholeMs + requestMs + rounds * roundMs + allBytesMs) / parallel,
    allMs,
  );
  return {
    rounds,
    bytesSent,
    bytesDealt,
    bytesDealtTo,
    computeMs: productsMs + wholeMs,
    latencyMs,
    samplesPerSecond: (1000 * batch) / busyMs,
  };
}

function productsTime(plan: Plan, productNanos: number, batch: number): number {
  let products = 0;
  for (const step of plan.steps) {
    if (step.op !== 'conv2d' && step.op !== 'depthwiseConv2d') continue;
    products += multiplicationsOf(step.geometry, step.op === 'depthwiseConv2d');
  }
  return (batch * products * productNanos) / 1e6;
}

function operationsTime(plan: Plan, speed: OperationSpeed, batch: number): number {
  let nanos = 0;
  for (const { operations } of planOperations(plan, batch)) {
    for (const { kind, n, reduction } of operations) {
      const each =
        kind === 'truncate'
          ? speed.truncateNanos
          : speed.rectifyNanos + (reduction.activationBits - 24) * speed.bitNanos;
      nanos += n * each + 1e6 * speed.operationMs;
    }
  }
  return nanos / 1e6;
}

const MANY = 2048;
const FEW = 64;
/** Beyond 24, of the third sample. */
const MORE_BITS = 16;
/** How long each part of a calibration takes, once around at least. */
export interface Effort {
  /** Nothing is counted: WASM is compiled anew, and better, as it runs. */
  readonly warmUpMs: number;
  readonly measureMs: number;
}

const CALIBRATION: Effort = { warmUpMs: 500, measureMs: 250 };
const PRODUCT_GEOMETRY = {
  inHeight: 13,
  inWidth: 13,
  inChannels: 10,
  outHeight: 5,
  outWidth: 5,
  outChannels: 32,
  kernelHeight: 5,
  kernelWidth: 5,
  strideHeight: 2,
  strideWidth: 2,
  dilationHeight: 1,
  dilationWidth: 1,
  padTop: 0,
  padLeft: 0,
};
/** Products of a linear step: five of the nine are made in one go. */
const PRODUCTS = 5;

/**
 * Measures a protocol's arithmetic on this machine, all three parties in this thread; one to two seconds.
 * @param effort how long each part warms up and is measured
 */
export async function calibrate(protocol: Protocol, effort: Effort = CALIBRATION): Promise<Speed> {
  const kernels = await Promise.all([createKernels(), createKernels(), createKernels()]);
  const measure = async (ahead: boolean) =>
    operationSpeed(
      await fastest(
        SAMPLES.map((sample) => () => timeOperation(protocol, kernels, { ...sample, ahead })),
        effort,
      ),
    );
  const whole = await measure(false);
  const online = protocol.prepare === undefined ? whole : await measure(true);
  const [productMs] = await fastest([productTimer(kernels[0])], effort);
  return {
    productNanos: (PRODUCTS * 1e6 * productMs!) / multiplicationsOf(PRODUCT_GEOMETRY, false),
    whole,
    online,
  };
}

/** Operations that are timed: few values and many, and many of more bits. */
const SAMPLES = [
  { kind: 'rectify', n: FEW, activationBits: 24 },
  { kind: 'rectify', n: MANY, activationBits: 24 },
  { kind: 'rectify', n: MANY, activationBits: 24 + MORE_BITS },
  { kind: 'truncate', n: FEW, activationBits: 24 },
  { kind: 'truncate', n: MANY, activationBits: 24 },
] as const;

/** The shortest time of each; in turn, so that all are measured on the same machine at the same time. */
async function fastest(
  timed: readonly (() => Promise<number> | number)[],
  { warmUpMs, measureMs }: Effort,
): Promise<readonly number[]> {
  const best = timed.map(() => Number.POSITIVE_INFINITY);
  const round = async () => {
    for (const [index, time] of timed.entries()) best[index] = Math.min(best[index]!, await time());
  };
  for (const duration of [warmUpMs, measureMs]) {
    const until = performance.now() + duration;
    best.fill(Number.POSITIVE_INFINITY);
    do await round();
    while (performance.now() < until);
  }
  return best;
}

/** @param times of `SAMPLES`, in milliseconds */
function operationSpeed(times: readonly number[]): OperationSpeed {
  const [few, many, wide, truncatedFew, truncatedMany] = times as [number, number, number, number, number];
  // On a busy machine the larger may come out as the quicker.
  const each = Math.max(many / MANY / 10, (many - few) / (MANY - FEW));
  const operationMs = Math.max(0, few - FEW * each);
  return {
    operationMs,
    rectifyNanos: 1e6 * each,
    bitNanos: Math.max(0, (1e6 * (wide - many)) / MANY / MORE_BITS),
    truncateNanos: Math.max(0, (1e6 * (truncatedMany - truncatedFew)) / (MANY - FEW)),
  };
}

interface TimedOperation {
  readonly kind: Operation['kind'];
  readonly n: number;
  readonly activationBits: number;
  /** With what is dealt ahead at hand. */
  readonly ahead: boolean;
}

/** One run of one operation, in milliseconds. */
async function timeOperation(
  protocol: Protocol,
  kernels: readonly Kernels[],
  { kind, n, activationBits, ahead }: TimedOperation,
): Promise<number> {
  const reduction = { shift: 16, activationBits, bits: 16 + activationBits };
  const keys = [randomSeed(), randomSeed(), randomSeed()];
  const allocators = kernels.map(({ memory }) => new Allocator(memory));
  const inSession = <T>(program: (context: SessionContext) => Promise<T>) => {
    const sessionId = randomBytes(16);
    return simulate((channel, party) =>
      program({
        party,
        kernels: kernels[party]!,
        arena: new Arena(allocators[party]!),
        channel,
        streams: new SessionStreams(sessionId, keys[party]!, keys[(party + 2) % 3]!),
        fractionalBits: 16,
      }),
    );
  };
  const prepare = ahead ? protocol.prepare : undefined;
  const prepared = prepare && (await inSession((context) => prepare(context, [{ kind, n, reduction }])));
  const started = performance.now();
  await inSession(async (context) => {
    const session = protocol.open(context, prepared && [prepared.results[context.party]]);
    const words = context.arena.words(n);
    context.kernels.memory.bytes.fill(0, words, words + 8 * n);
    await session[kind]({ words, n }, reduction);
  });
  return performance.now() - started;
}

/** Runs a product on narrow multipliers, as nearly all are, and gives its milliseconds. */
function productTimer(kernels: Kernels): () => number {
  const { memory } = kernels;
  const g = PRODUCT_GEOMETRY;
  const x = Math.ceil(memory.base / 64) * 64;
  const w = x + 8 * g.inHeight * g.inWidth * g.inChannels;
  const prepared = w + 8 * g.kernelHeight * g.kernelWidth * g.inChannels * g.outChannels;
  const y = prepared + kernels.narrowWeightBytes(g);
  const scratch = y + 8 * g.outHeight * g.outWidth * g.outChannels;
  memory.ensure(scratch + kernels.narrowScratchBytes(g, 1));
  kernels.prepareNarrow(prepared, w, g);
  return () => {
    const started = performance.now();
    kernels.conv2dNarrow(y, x, prepared, scratch, 1, g, false);
    return performance.now() - started;
  };
}
