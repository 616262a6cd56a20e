/** Chooses the kernels: WASM where the runtime has it, else plain TypeScript with the same bits. */
import type { Kernels } from './kernels.js';
import { createTypeScriptKernels } from './typescript/instance.js';
import { createWasmKernels } from './wasm/instance.js';

/**
 * @param kind forces an implementation; by default WASM, falling back to TypeScript where WebAssembly SIMD is missing
 * @throws when `kind` is 'wasm' and the runtime cannot run it
 */
export async function createKernels(kind?: 'wasm' | 'typescript'): Promise<Kernels> {
  if (kind === 'typescript') return createTypeScriptKernels();
  try {
    return await createWasmKernels();
  } catch (error) {
    if (kind === 'wasm') throw error;
    return createTypeScriptKernels();
  }
}
