// From a public masked value and a shared bit to a share of the value or of zero, and the material for it.
// See src/protocols/replicated/rectify.ts and truncate.ts for the formulas. Branch-free in every secret.

// Arrays of n words each: sigma, R, sigma R, top bit of R, sigma times that bit; R = bits shift .. shift + k - 1 of r.
export function selectMaterial(dst: usize, r: usize, sigma: usize, n: u32, shift: u32, k: u32): void {
  const mask: u64 = (<u64>1 << <u64>k) - 1;
  const column: usize = <usize>n << 3;
  for (let i: u32 = 0; i < n; i++, dst += 8) {
    const masked = (load<u64>(r + (<usize>i << 3)) >> <u64>shift) & mask;
    const top = masked >> <u64>(k - 1);
    const bit = (load<u64>(sigma + (<usize>(i >> 6) << 3)) >> <u64>(i & 63)) & 1;
    store<u64>(dst, bit);
    store<u64>(dst + column, masked);
    store<u64>(dst + column * 2, masked & (0 - bit));
    store<u64>(dst + column * 3, top);
    store<u64>(dst + column * 4, top & bit);
  }
}

// Share of s * t, with s = not (opened xor sigma) and t = C - R mod 2^k: signed, exact when s = 1 implies t >= 0.
export function select(dst: usize, c: usize, opened: usize, material: usize, n: u32, shift: u32, k: u32, one: u32): void {
  const mask: u64 = (<u64>1 << <u64>k) - 1;
  const constant: u64 = 0 - <u64>one;
  const column: usize = <usize>n << 3;
  for (let i: u32 = 0; i < n; i++, material += 8, dst += 8) {
    const value = (load<u64>(c + (<usize>i << 3)) >> <u64>shift) & mask;
    const clear = (value >> <u64>(k - 1)) - 1; // all-ones where the public top bit is 0
    const flip = ((load<u64>(opened + (<usize>(i >> 6) << 3)) >> <u64>(i & 63)) & 1) - 1;
    const whole = (value & constant) - load<u64>(material + column) + ((load<u64>(material + column * 3) & clear) << <u64>k);
    const part = load<u64>(material) * value - load<u64>(material + column * 2)
      + ((load<u64>(material + column * 4) & clear) << <u64>k);
    store<u64>(dst, part + (flip & (whole - (part << 1))));
  }
}

// Arrays of n words each: R and its top bit.
export function truncateMaterial(dst: usize, r: usize, n: u32, shift: u32, k: u32): void {
  const mask: u64 = (<u64>1 << <u64>k) - 1;
  const column: usize = <usize>n << 3;
  for (let i: u32 = 0; i < n; i++, dst += 8) {
    const masked = (load<u64>(r + (<usize>i << 3)) >> <u64>shift) & mask;
    store<u64>(dst, masked);
    store<u64>(dst + column, masked >> <u64>(k - 1));
  }
}

// Share of t = C - R, where the opened value carries an offset of 2^(k-2) that keeps it below 2^(k-1).
export function truncate(dst: usize, c: usize, material: usize, n: u32, shift: u32, k: u32, one: u32): void {
  const mask: u64 = (<u64>1 << <u64>k) - 1;
  const offset: u64 = <u64>1 << <u64>(k - 2);
  const constant: u64 = 0 - <u64>one;
  const column: usize = <usize>n << 3;
  for (let i: u32 = 0; i < n; i++, material += 8, dst += 8) {
    const value = (load<u64>(c + (<usize>i << 3)) >> <u64>shift) & mask;
    const clear = (value >> <u64>(k - 1)) - 1;
    const own = (value - offset) & constant;
    store<u64>(dst, own - load<u64>(material) + ((load<u64>(material + column) & clear) << <u64>k));
  }
}
