// x2 = encode(input) - x0 - x1 (mod 2^64), with x0 and x1 the ChaCha20 key streams of two seeds.
//
// One invocation makes one 64-byte block of both streams, so eight words of x2. Everything is integer arithmetic on
// u32: WGSL lets an implementation fuse, reorder or flush floats, so the floats arrive and are taken apart as bits.

struct Parameters {
  // Eight key words of each seed.
  seeds: array<vec4u, 4>,
  words: u32,
  fractionalBits: i32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
// The bits of f32 inputs.
@group(0) @binding(1) var<storage, read> inputs: array<u32>;
// Little-endian 64-bit words: low half, high half.
@group(0) @binding(2) var<storage, read_write> shares: array<vec2u>;

alias Block = array<vec4u, 4>;

fn rotateLeft(value: vec4u, bits: u32) -> vec4u {
  return (value << vec4u(bits)) | (value >> vec4u(32u - bits));
}

// RFC 8439, section 2.3, with nonce 0. The state's four rows are vectors, so a column round is four quarter rounds.
fn chacha20(keyLow: vec4u, keyHigh: vec4u, counter: u32) -> Block {
  let constants = vec4u(0x61707865u, 0x3320646eu, 0x79622d32u, 0x6b206574u);
  let last = vec4u(counter, 0u, 0u, 0u);
  var a = constants;
  var b = keyLow;
  var c = keyHigh;
  var d = last;
  for (var round = 0; round < 20; round++) {
    a += b; d = rotateLeft(d ^ a, 16u);
    c += d; b = rotateLeft(b ^ c, 12u);
    a += b; d = rotateLeft(d ^ a, 8u);
    c += d; b = rotateLeft(b ^ c, 7u);
    // Turns columns into diagonals, and back in the next round.
    if ((round & 1) == 0) {
      b = b.yzwx; c = c.zwxy; d = d.wxyz;
    } else {
      b = b.wxyz; c = c.zwxy; d = d.yzwx;
    }
  }
  return Block(a + constants, b + keyLow, c + keyHigh, d + last);
}

// roundHalfToEven(value * 2^f) in two's complement. The caller has checked that the magnitude is below 2^31.
fn encode(bits: u32) -> vec2u {
  let exponent = i32((bits >> 23u) & 0xffu);
  let mantissa = (bits & 0x7fffffu) | 0x800000u;
  // value * 2^f = mantissa * 2^shift.
  let shift = exponent - 150 + parameters.fractionalBits;
  var magnitude = 0u;
  if (exponent == 0) {
    // Zero, or a subnormal: far below one half.
    magnitude = 0u;
  } else if (shift >= 0) {
    magnitude = mantissa << u32(shift);
  } else if (shift >= -24) {
    let drop = u32(-shift);
    let floor = mantissa >> drop;
    let rest = mantissa & ((1u << drop) - 1u);
    let half = 1u << (drop - 1u);
    let up = rest > half || (rest == half && (floor & 1u) == 1u);
    magnitude = floor + select(0u, 1u, up);
  }
  let negative = (bits >> 31u) == 1u && magnitude != 0u;
  return select(vec2u(magnitude, 0u), vec2u(0u - magnitude, 0xffffffffu), negative);
}

fn subtract(left: vec2u, right: vec2u) -> vec2u {
  let borrow = select(0u, 1u, left.x < right.x);
  return vec2u(left.x - right.x, left.y - right.y - borrow);
}

@compute @workgroup_size(64)
fn share(@builtin(global_invocation_id) id: vec3u) {
  let block = id.x;
  let first = block * 8u;
  if (first >= parameters.words) {
    return;
  }
  var stream0 = chacha20(parameters.seeds[0], parameters.seeds[1], block);
  var stream1 = chacha20(parameters.seeds[2], parameters.seeds[3], block);
  let count = min(8u, parameters.words - first);
  for (var word = 0u; word < count; word++) {
    let row = word >> 1u;
    let x0 = select(stream0[row].xy, stream0[row].zw, (word & 1u) == 1u);
    let x1 = select(stream1[row].xy, stream1[row].zw, (word & 1u) == 1u);
    shares[first + word] = subtract(subtract(encode(inputs[first + word]), x0), x1);
  }
}
