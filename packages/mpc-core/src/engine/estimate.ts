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
const RUNS = 7;
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
 * Measures a protocol's arithmetic on this machine, all three parties in this thread; about a second.
 * @param runs of each operation, and as many before them that are not counted; 1 or more
 */
export async function calibrate(protocol: Protocol, runs = RUNS): Promise<Speed> {
  const kernels = await Promise.all([createKernels(), createKernels(), createKernels()]);
  const time = (ahead: boolean) =>
    operationSpeed((kind, n, k) =>
      timeOperation(protocol, kernels, { kind, n, activationBits: k, ahead, runs }),
    );
  const whole = await time(false);
  const online = protocol.prepare === undefined ? whole : await time(true);
  return { productNanos: timeProduct(kernels[0], runs), whole, online };
}

async function operationSpeed(
  time: (kind: Operation['kind'], n: number, k: number) => Promise<number>,
): Promise<OperationSpeed> {
  const few = await time('rectify', FEW, 24);
  const many = await time('rectify', MANY, 24);
  const wide = await time('rectify', MANY, 40);
  const truncated = (await time('truncate', MANY, 24)) - (await time('truncate', FEW, 24));
  // On a busy machine the larger may come out as the quicker.
  const each = Math.max(many / MANY / 10, (many - few) / (MANY - FEW));
  const operationMs = Math.max(0, few - FEW * each);
  return {
    operationMs,
    rectifyNanos: 1e6 * each,
    bitNanos: Math.max(0, (1e6 * (wide - many)) / MANY / 16),
    truncateNanos: Math.max(0, (1e6 * truncated) / (MANY - FEW)),
  };
}

interface TimedOperation {
  readonly kind: Operation['kind'];
  readonly n: number;
  readonly activationBits: number;
  /** With what is dealt ahead at hand. */
  readonly ahead: boolean;
  readonly runs: number;
}

async function timeOperation(
  protocol: Protocol,
  kernels: readonly Kernels[],
  { kind, n, activationBits, ahead, runs }: TimedOperation,
): Promise<number> {
  const reduction = { shift: 16, activationBits, bits: 16 + activationBits };
  const run = async (): Promise<number> => {
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
  };
  for (let i = 0; i < runs; i++) await run();
  const times: number[] = [];
  for (let i = 0; i < runs; i++) times.push(await run());
  return Math.min(...times);
}

function timeProduct({ memory, conv2d }: Kernels, runs: number): number {
  const g = PRODUCT_GEOMETRY;
  const x = Math.ceil(memory.base / 64) * 64;
  const w = x + 8 * g.inHeight * g.inWidth * g.inChannels;
  const y = w + 8 * g.kernelHeight * g.kernelWidth * g.inChannels * g.outChannels;
  memory.ensure(y + 8 * g.outHeight * g.outWidth * g.outChannels);
  const times: number[] = [];
  for (let i = 0; i < 2 * runs; i++) {
    const started = performance.now();
    conv2d(y, x, w, 1, g, false);
    times.push(performance.now() - started);
  }
  return (PRODUCTS * 1e6 * median(times.slice(runs))) / multiplicationsOf(g, false);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
