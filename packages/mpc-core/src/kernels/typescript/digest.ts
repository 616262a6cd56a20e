/**
 * A digest of 64 bits of each message, added up: two workers that have sent and received the same hold the same sum. Words
 * are mixed into four lanes in turn, lane = (lane ^ word) · P, with the upper half of the product added to the lower one; both
 * are bijections of the lane, so messages that differ in one word of a lane never agree in that lane, and others by chance only.
 *
 * It is a check against faults. The multipliers are public: who chooses both messages can make them agree.
 */
import type { Pointer } from '../kernels.js';
import { multiplyHigh, type Views } from './words.js';

/** Low and high halves of four odd multipliers: those of SplitMix64, and one more of the kind. */
const LOW = Uint32Array.of(0x7f4a7c15, 0x1ce4e5b9, 0x133111eb, 0x6659fd93);
const HIGH = Uint32Array.of(0x9e3779b9, 0xbf58476d, 0x94d049bb, 0xd6e8feb8);
const LANES = LOW.length;

/** Low halves of the lanes, then high ones. */
const lanes = new Uint32Array(2 * LANES);

/** Mixes a word into a lane, with multiplier i. */
function mix(lane: number, low: number, high: number, i: number): void {
  const x = (lanes[lane]! ^ low) >>> 0;
  const y = lanes[LANES + lane]! ^ high;
  const top = (multiplyHigh(x, LOW[i]!) + Math.imul(x, HIGH[i]!) + Math.imul(y, LOW[i]!)) | 0;
  lanes[LANES + lane] = top;
  lanes[lane] = Math.imul(x, LOW[i]!) ^ top;
}

export function addDigest(
  v: Views,
  dst: Pointer,
  src: Pointer,
  bytes: number,
  seedLow: number,
  seedHigh: number,
): void {
  const padded = new Uint8Array(Math.ceil((bytes + 1) / 8) * 8);
  padded.set(v.u8.subarray(src, src + bytes));
  const words = new Uint32Array(padded.buffer);
  for (let lane = 0; lane < LANES; lane++) {
    lanes[lane] = seedLow ^ LOW[lane]!;
    lanes[LANES + lane] = seedHigh ^ HIGH[lane]!;
  }
  const whole = 2 * Math.floor(bytes / 8);
  const rows = 2 * LANES * Math.floor(bytes / (8 * LANES));
  let at = 0;
  for (; at < rows; at += 2) mix((at >> 1) % LANES, words[at]!, words[at + 1]!, (at >> 1) % LANES);
  for (; at < whole; at += 2) mix(0, words[at]!, words[at + 1]!, 1);
  mix(0, words[at]!, words[at + 1]!, 2);
  for (let lane = 1; lane < LANES; lane++) mix(0, lanes[lane]!, lanes[LANES + lane]!, (lane + 2) % LANES);
  mix(0, bytes, 0, 2);
  const sum = v.u32;
  const low = sum[dst >>> 2]! + lanes[0]!;
  sum[(dst >>> 2) + 1] += lanes[LANES]! + (low > 0xffff_ffff ? 1 : 0);
  sum[dst >>> 2] = low;
}
