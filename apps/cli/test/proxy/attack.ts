/**
 * What somebody can do who holds all that went through the three proxies, and wants to know which requests were of a 3 and
 * which of an 8: add up the shares, if they can be read; else look for anything at all in the bytes, sizes and times that
 * goes with the digit.
 */
import { createKernels, expandSeed, type Kernels } from '@trivet/mpc-core';
import { decodePredictRequest, type WireSharePart } from '@trivet/shared-types';
import type { CapturedDigits } from './captured-digits.js';
import type { Seen } from './capturing-proxy.js';

export const INPUTS = 784;

/**
 * The whole attack, the same with and without sealing: of all that was captured, of which one half is labelled.
 * @returns the pictures that could be added up, and how much of the other half is guessed right, 0 to 1
 */
export async function tellThreesFromEights({
  captured,
  labels,
}: Pick<CapturedDigits, 'captured' | 'labels'>): Promise<{
  readonly pictures: readonly Float64Array[];
  readonly accuracy: number;
}> {
  const pictures = addUp(captured, await createKernels());
  const vectors =
    pictures.length === labels.length ? pictures : labels.map((_, request) => features(captured, request));
  return { pictures, accuracy: learnedAccuracy(vectors, labels) };
}

/** The pictures that the shares add up to, in the order of the requests; none where no request can be read. */
function addUp(captured: readonly (readonly Seen[])[], kernels: Kernels): Float64Array[] {
  const requests = captured.map((seen) =>
    seen.flatMap(({ toWorker, bytes }) => {
      if (!toWorker) return [];
      try {
        return [decodePredictRequest(bytes, { maxCount: 1, inputSizeOf: () => INPUTS })];
      } catch {
        return [];
      }
    }),
  );
  const words = (part: WireSharePart) => {
    const bytes = part.kind === 'seed' ? expandSeed(kernels, part.seed, INPUTS) : part.words;
    return new BigInt64Array(Uint8Array.from(bytes).buffer);
  };
  const [first = [], second = []] = requests;
  return first.flatMap((toAlice) => {
    const toBob = second.find(({ requestId }) => requestId === toAlice.requestId);
    if (toBob === undefined) return [];
    // x0 and x1 are alice's, x2 is bob's second.
    const [x0, x1, x2] = [toAlice.first, toAlice.second, toBob.second].map(words);
    return [
      Float64Array.from(x0!, (word, at) => Number(BigInt.asIntN(64, word + x1![at]! + x2![at]!)) / 65_536),
    ];
  });
}

/** Everything that can be counted of one request: sizes, times, and how often each byte and each bit was there. */
function features(captured: readonly (readonly Seen[])[], request: number): Float64Array {
  return Float64Array.from(
    captured.flatMap((seen) => {
      const { toWorker, toClient } = requestOf(seen, request);
      const histogram = new Array<number>(256).fill(0);
      for (const byte of toWorker.bytes) histogram[byte]! += 1;
      for (const byte of toClient.bytes) histogram[byte]! += 1;
      const bits = Array.from(
        { length: 64 },
        (_, bit) => (toWorker.bytes.at(-1 - (bit >> 3))! >> (bit & 7)) & 1,
      );
      return [toWorker.bytes.length, toClient.bytes.length, toClient.at - toWorker.at, ...histogram, ...bits];
    }),
  );
}

/** The `request`th prediction in what a proxy saw: it is the events that are far larger than any other. */
export function requestOf(seen: readonly Seen[], request: number): { toWorker: Seen; toClient: Seen } {
  const largest = Math.max(...seen.filter((one) => one.toWorker).map(({ bytes }) => bytes.length));
  const indices = seen.flatMap((one, at) => (one.toWorker && one.bytes.length > largest / 2 ? [at] : []));
  const at = indices[request]!;
  const answered = seen.findIndex((one, index) => index > at && !one.toWorker && isAnswer(one.bytes));
  const toClient = seen.slice(answered + 1).find((one) => !one.toWorker);
  return { toWorker: seen[at]!, toClient: toClient! };
}

/** What socket.io sends before the bytes of an acknowledgement. */
function isAnswer(bytes: Buffer): boolean {
  return bytes.subarray(0, 3).toString('latin1') === '61-';
}

/** Of a thousand features none reaches this by chance: the two-sided p-value is below 1e-5. */
const SIGNIFICANT = 4.5;
const LEAST_VARIANCE = 1e-12;

/**
 * Learns from the first half of labelled vectors, and tells how many of the second half it gets right, 0 to 1. It looks at
 * the features whose means differ beyond chance (Welch's t), or at the best one where none does, and guesses the class whose mean
 * is nearer: a single feature that leaks is enough, however many do not.
 */
function learnedAccuracy(vectors: readonly Float64Array[], labels: readonly number[]): number {
  const half = vectors.length >> 1;
  const known = [...vectors.keys()].slice(0, half);
  const classes = [...new Set(labels)];
  const learned = Array.from({ length: vectors[0]!.length }, (_, feature) => {
    const moments = classes.map((label) => momentsOf(known, vectors, labels, feature, label));
    const [one, two] = moments as [Moments, Moments];
    const error = Math.sqrt(one.variance / one.count + two.variance / two.count);
    return { feature, moments, t: Math.abs(one.mean - two.mean) / error };
  }).sort((left, right) => right.t - left.t);
  const telling = learned.filter(({ t }, rank) => rank === 0 || t > SIGNIFICANT);
  const guess = (vector: Float64Array) => {
    const distances = classes.map((_, index) =>
      telling.reduce((sum, { feature, moments }) => {
        const { mean, variance } = moments[index]!;
        return sum + (vector[feature]! - mean) ** 2 / variance;
      }, 0),
    );
    return classes[distances.indexOf(Math.min(...distances))];
  };
  const right = vectors.slice(half).filter((vector, at) => guess(vector) === labels[half + at]);
  return right.length / (vectors.length - half);
}

interface Moments {
  readonly count: number;
  readonly mean: number;
  readonly variance: number;
}

function momentsOf(
  known: readonly number[],
  vectors: readonly Float64Array[],
  labels: readonly number[],
  feature: number,
  label: number,
): Moments {
  const values = known.filter((at) => labels[at] === label).map((at) => vectors[at]![feature]!);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { count: values.length, mean, variance: squares / values.length + LEAST_VARIANCE };
}
