/**
 * The ChaCha permutation (RFC 8439, section 2.3; D. J. Bernstein, "ChaCha, a variant of Salsa20"), plain TypeScript.
 *
 * This file serves one block at a time: key derivation and the reference for the kernels. Bulk key stream is
 * `Kernels.chacha20`.
 */

function rotate(x: number, n: number): number {
  return (x << n) | (x >>> (32 - n));
}

function quarterRound(x: Uint32Array, a: number, b: number, c: number, d: number): void {
  x[a] += x[b];
  x[d] = rotate(x[d] ^ x[a], 16);
  x[c] += x[d];
  x[b] = rotate(x[b] ^ x[c], 12);
  x[a] += x[b];
  x[d] = rotate(x[d] ^ x[a], 8);
  x[c] += x[d];
  x[b] = rotate(x[b] ^ x[c], 7);
}

function permute(x: Uint32Array, rounds = 20): void {
  for (let round = 0; round < rounds; round += 2) {
    quarterRound(x, 0, 4, 8, 12);
    quarterRound(x, 1, 5, 9, 13);
    quarterRound(x, 2, 6, 10, 14);
    quarterRound(x, 3, 7, 11, 15);
    quarterRound(x, 0, 5, 10, 15);
    quarterRound(x, 1, 6, 11, 12);
    quarterRound(x, 2, 7, 8, 13);
    quarterRound(x, 3, 4, 9, 14);
  }
}

/**
 * One block: `out` = permutation(state) + state. Both are 16 words; `state` is constants, key, counter, nonce.
 * @param rounds 20 for everything but the trees of distributed comparison keys
 */
export function chachaBlock(state: Uint32Array, out: Uint32Array, rounds = 20): void {
  out.set(state);
  permute(out, rounds);
  for (let i = 0; i < 16; i++) out[i] += state[i];
}

/**
 * HChaCha20 (draft-irtf-cfrg-xchacha-03, section 2.2): a 256-bit subkey from a 256-bit key and a 128-bit input.
 *
 * @param key 32 bytes
 * @param input 16 bytes, unique per key
 * @returns 32 bytes
 */
export function hchacha20(key: Uint8Array, input: Uint8Array): Uint8Array {
  if (key.length !== 32 || input.length !== 16)
    throw new RangeError('HChaCha20 takes a 32-byte key and a 16-byte input');
  const state = new Uint32Array(16);
  state.set([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]);
  const keyView = new DataView(key.buffer, key.byteOffset, 32);
  const inputView = new DataView(input.buffer, input.byteOffset, 16);
  for (let i = 0; i < 8; i++) state[4 + i] = keyView.getUint32(4 * i, true);
  for (let i = 0; i < 4; i++) state[12 + i] = inputView.getUint32(4 * i, true);
  permute(state);
  const subkey = new Uint8Array(32);
  const view = new DataView(subkey.buffer);
  for (let i = 0; i < 4; i++) {
    view.setUint32(4 * i, state[i], true);
    view.setUint32(16 + 4 * i, state[12 + i], true);
  }
  state.fill(0);
  return subkey;
}
