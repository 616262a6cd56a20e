// Check words of replies. CHECK_MULTIPLIER is that of kernels/typescript/checks.ts.

const CHECK_MULTIPLIER: u64 = 0x9e3779b97f4a7c15;

export function appendChecks(dst: usize, src: usize, rows: u32, size: u32, shift: u32): void {
  for (let r: u32 = 0; r < rows; r++, dst += 8) {
    let check: u64 = 0;
    for (let i: u32 = 0; i < size; i++, dst += 8, src += 8) {
      const word = load<u64>(src) << <u64>shift;
      store<u64>(dst, word);
      check = check * CHECK_MULTIPLIER + word;
    }
    store<u64>(dst, check);
  }
}
