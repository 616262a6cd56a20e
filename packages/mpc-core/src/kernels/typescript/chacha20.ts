/** ChaCha20 key stream in plain TypeScript (RFC 8439, sections 2.1 to 2.4). */

import { chachaBlock } from '../../random/chacha20.js';
import type { Pointer } from '../kernels.js';
import type { Views } from './words.js';

const state = new Uint32Array(16);
const block = new Uint32Array(16);
const blockBytes = new Uint8Array(block.buffer);

export function chacha20(
  v: Views,
  dst: Pointer,
  key: Pointer,
  n0: number,
  n1: number,
  n2: number,
  counter: number,
  bytes: number,
): void {
  state.set([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]);
  state.set(v.u32.subarray(key >>> 2, (key >>> 2) + 8), 4);
  state[13] = n0;
  state[14] = n1;
  state[15] = n2;
  for (let done = 0, i = 0; done < bytes; done += 64, i++) {
    state[12] = counter + i;
    chachaBlock(state, block);
    v.u8.set(blockBytes.subarray(0, Math.min(64, bytes - done)), dst + done);
  }
  state.fill(0);
  block.fill(0);
}
