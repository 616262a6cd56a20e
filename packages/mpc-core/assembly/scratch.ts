// Memory for what a kernel works on within one call. Kernels use the same bytes, one after the other, and leave no seed there.
// The host says where it is, for threads that share the memory need one each; a global belongs to its instance. It is no static
// data, for that is written again by every thread that begins, over what another one is working on.

const SCRATCH_BYTES: u32 = 1024;

export let scratch: usize = 0;

// Before any kernel is called; `at` is a multiple of 64.
export function setScratch(at: usize): void {
  scratch = at;
}

export function scratchBytes(): u32 {
  return SCRATCH_BYTES;
}
