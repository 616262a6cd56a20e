/**
 * How a client splits its input, independent of where the arithmetic runs.
 *
 * x = x0 + x1 + x2 (mod 2^64). x0 and x1 are the ChaCha20 (RFC 8439) key streams of two fresh 256-bit seeds
 * (nonce 0, counter from 0), read as little-endian 64-bit words; x2 = encode(x) - x0 - x1 is explicit.
 * Worker 0 is sent both seeds, worker 1 the seed of x1 and x2, worker 2 x2 and the seed of x0.
 *
 * encode(v) = roundHalfToEven(fround(v) * 2^f) as a signed 64-bit integer; |v| * 2^f < 2^31 is required.
 * Every implementation (TypeScript, WASM, WebGPU) gives the same bits for the same seeds.
 */
export interface InputSharer {
  /** Which implementation ran, for people: for example "webgpu (swiftshader)", "wasm", "typescript". */
  readonly label: string;
  readonly kind: 'webgpu' | 'wasm' | 'typescript';

  /**
   * @param inputs model inputs, `count * inputSize` floats
   * @param fractionalBits f, 1 to 24
   * @param seeds two fresh 32-byte seeds, for x0 and x1; used for this call and never again
   * @returns x2 as little-endian 64-bit words, 8 bytes per input
   * @throws RangeError when an input is not finite or |input| * 2^f is 2^31 or more
   */
  share(
    inputs: Float32Array,
    fractionalBits: number,
    seeds: readonly [Uint8Array, Uint8Array],
  ): Promise<Uint8Array>;
}
