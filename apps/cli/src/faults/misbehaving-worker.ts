/**
 * Loaded into a worker's process before its program (`node --import`), it spoils what the worker sends to its peers,
 * inside of TLS: a worker that holds the right keys and does not keep to the protocol. Which way, the URL says:
 * `?mode=lengths` and so on. The worker's own program is the real one.
 */
import { TLSSocket } from 'node:tls';
import { SeededRandom } from '@trivet/seeded-random';
import { MISBEHAVIOURS, type Misbehaviour } from './misbehaviours.js';

const MESH = 'trivet-mesh/1';
const HEADER_BYTES = 25;
const KIND_OFFSET = 4;
const STEP_OFFSET = 21;
const DATA = 5;

const url = new URL(import.meta.url);
const mode = url.searchParams.get('mode') as Misbehaviour;
if (!MISBEHAVIOURS.includes(mode)) throw new Error(`There is no mode "${mode}".`);
const random = new SeededRandom(Number(url.searchParams.get('seed') ?? 1));

/** Spoils the data frames of one write, which holds whole frames. */
function spoil(bytes: Buffer): void {
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    const frame = bytes.subarray(at, at + 4 + length);
    at += 4 + length;
    // One in eight, so that a batch gets under way first.
    if (frame[KIND_OFFSET] !== DATA || random.below(8) > 0) continue;
    if (mode === 'kinds') frame[KIND_OFFSET] = random.pick([0, 99, 200, 255]);
    else if (mode === 'lengths') frame.writeUInt32LE(random.pick([0, length - 1, length + 1, 0xffff_ffff]));
    else if (mode === 'steps') frame.writeUInt32LE(random.below(2 ** 32), STEP_OFFSET);
    else for (let byte = HEADER_BYTES; byte < frame.length; byte++) frame[byte] = random.below(256);
  }
}

const write = TLSSocket.prototype.write;
TLSSocket.prototype.write = function (this: TLSSocket, ...parts: Parameters<typeof write>) {
  const [bytes] = parts as unknown as [unknown];
  if (this.alpnProtocol === MESH && Buffer.isBuffer(bytes)) spoil(bytes);
  return write.apply(this, parts);
} as typeof write;
