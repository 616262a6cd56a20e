/** Deliberate leaks, and what two parties know together: for tests that must notice when a mask is left out. */
import type { Kernels } from '../../src/kernels/kernels.js';
import type { Purpose } from '../../src/random/session-streams.js';

/** The kernels with one purpose's stream left out: all zeros at every party. */
export function without(kernels: Kernels, purpose: Purpose): Kernels {
  return {
    ...kernels,
    chacha20: (dst, key, n0, n1, n2, counter, bytes) => {
      if (n1 === purpose) kernels.memory.bytes.fill(0, dst, dst + bytes);
      else kernels.chacha20(dst, key, n0, n1, n2, counter, bytes);
    },
  };
}

/** Adds packed words of `width` bytes. */
export function addPacked(a: Uint8Array, b: Uint8Array, width: number): Uint8Array {
  const out = new Uint8Array(a.length);
  for (let at = 0; at < a.length; at += width) {
    let carry = 0;
    for (let i = at; i < at + width; i++) {
      carry += a[i] + b[i];
      out[i] = carry;
      carry >>= 8;
    }
  }
  return out;
}

export function xorBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ b[i]);
}
