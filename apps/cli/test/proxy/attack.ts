/**
 * What somebody can do who holds all that went through the three proxies, and wants to know which requests were of a 3 and
 * which of an 8: add up the shares, if they can be read; else look for anything at all in the bytes, sizes and times that
 * goes with the digit.
 */
import { expandSeed, type Kernels } from '@trivet/mpc-core';
import { decodePredictRequest, type WireSharePart } from '@trivet/shared-types';
import type { Seen } from './capturing-proxy.js';

export const INPUTS = 784;

/** The pictures that the shares add up to, in the order of the requests; none where no request can be read. */
export function addUp(captured: readonly (readonly Seen[])[], kernels: Kernels): Float64Array[] {
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
export function features(captured: readonly (readonly Seen[])[], request: number): Float64Array {
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

/** What engine.io and socket.io send before the bytes of an acknowledgement. */
function isAnswer(bytes: Buffer): boolean {
  return bytes.subarray(0, 4).toString('latin1') === '461-';
}

/** Learns from the first half of labelled vectors, and tells how many of the second half it gets right, 0 to 1. */
export function nearestMeanAccuracy(vectors: readonly Float64Array[], labels: readonly number[]): number {
  const half = vectors.length >> 1;
  const known = [...vectors.keys()].slice(0, half);
  const width = vectors[0]!.length;
  const mean = (indices: readonly number[]) => {
    const sum = new Float64Array(width);
    for (const index of indices)
      vectors[index]!.forEach((value, at) => {
        sum[at]! += value / indices.length;
      });
    return sum;
  };
  const centre = mean(known);
  const spread = new Float64Array(width);
  for (const index of known) {
    vectors[index]!.forEach((value, at) => {
      spread[at]! += (value - centre[at]!) ** 2 / half;
    });
  }
  const classes = [...new Set(labels)];
  const means = classes.map((label) => mean(known.filter((index) => labels[index] === label)));
  const guess = (vector: Float64Array) => {
    const distances = means.map((centre) =>
      vector.reduce((sum, value, at) => sum + (value - centre[at]!) ** 2 / (spread[at]! || 1), 0),
    );
    return classes[distances.indexOf(Math.min(...distances))];
  };
  const right = vectors.slice(half).filter((vector, at) => guess(vector) === labels[half + at]);
  return right.length / (vectors.length - half);
}
