/** The WASM kernels: the AssemblyScript module of assembly/ over a memory of its own. */
import type { Kernels } from '../kernels.js';
import { bindKernels, type Exports } from './bind.js';
import { INITIAL_PAGES, WasmMemory } from './memory.js';
import { MODULE_BASE64 } from './module.generated.js';

const ALIGNMENT = 64;

export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** @throws when the runtime has no WebAssembly SIMD, or its policy forbids compiling. */
export async function createWasmKernels(): Promise<Kernels> {
  const memory = new WebAssembly.Memory({ initial: INITIAL_PAGES });
  const { instance } = await WebAssembly.instantiate(decodeBase64(MODULE_BASE64), { env: { memory } });
  const exports = instance.exports as unknown as Exports;
  return bindKernels(exports, new WasmMemory(memory, placeScratch(exports, 0, 1)));
}

/**
 * Gives an instance its scratch, where there is one for each of `threads` instances at the beginning of the memory.
 * @returns the first byte after all of them
 */
export function placeScratch(exports: Exports, thread: number, threads: number): number {
  const first = Math.ceil(exports.heapBase!() / ALIGNMENT) * ALIGNMENT;
  const bytes = exports.scratchBytes!();
  exports.setScratch!(first + thread * bytes);
  return first + threads * bytes;
}
