/**
 * Activations as piecewise linear functions: sums of sign * max(0, slope x + offset), which cost one comparison each, all of
 * them at once. ReLU6 and LeakyReLU are such functions; sigmoid and tanh are followed to within a stated error.
 *
 * For a concave curve, chords between knots err by h^2 |f''| / 8, so knots that divide the integral of sqrt(|f''|) evenly
 * err alike everywhere (de Boor, A Practical Guide to Splines, chapter III); lifting the chords by half of that halves it.
 * Slopes are rounded as running sums, so that they cancel exactly where the curve has become flat.
 */
import type { Piece } from './plan.js';

export type Activation =
  | { readonly kind: 'relu6' }
  | { readonly kind: 'sigmoid' }
  | { readonly kind: 'tanh' }
  /** x where x > 0, else slope * x. */
  | { readonly kind: 'leakyRelu'; readonly slope: number };

/** Largest absolute error of the piecewise linear functions before anything is rounded to fixed point. */
export const ACTIVATION_ERRORS = { sigmoid: 0.0011, tanh: 0.0022 } as const;

/** Pieces on either side of zero. */
const CURVE_PIECES = 12;

/** Where tanh is as good as 1: it is short of it by 0.0007. */
const TANH_LIMIT = 4;

/** The function itself. */
export function activate(activation: Activation, x: number): number {
  switch (activation.kind) {
    case 'relu6':
      return Math.min(6, Math.max(0, x));
    case 'sigmoid':
      return 1 / (1 + Math.exp(-x));
    case 'tanh':
      return Math.tanh(x);
    case 'leakyRelu':
      return x > 0 ? x : activation.slope * x;
  }
}

/** The pieces at scale 2^f. */
export function piecesOf(activation: Activation, fractionalBits: number): readonly Piece[] {
  const scale = 2 ** fractionalBits;
  switch (activation.kind) {
    case 'relu6':
      return [
        { sign: 1, slope: scale, offset: 0 },
        { sign: -1, slope: scale, offset: -6 * scale },
      ];
    case 'leakyRelu': {
      const slope = Math.round(activation.slope * scale);
      const rising: Piece = { sign: 1, slope: scale, offset: 0 };
      // slope x for x < 0 is minus the positive part of -slope x, or plus that of |slope| |x|.
      if (slope === 0) return [rising];
      return [rising, { sign: slope > 0 ? -1 : 1, slope: -Math.abs(slope), offset: 0 }];
    }
    case 'tanh':
      return pieces(TANH_KNOTS, scale);
    case 'sigmoid':
      // sigmoid(x) = (1 + tanh(x / 2)) / 2
      return pieces(
        TANH_KNOTS.map(({ x, y }) => ({ x: 2 * x, y: (1 + y) / 2 })),
        scale,
      );
  }
}

/** The sum of the pieces, of a real number. */
export function evaluatePieces(pieces: readonly Piece[], fractionalBits: number, x: number): number {
  const unit = 2 ** -fractionalBits;
  return pieces.reduce(
    (sum, { sign, slope, offset }) => sum + sign * Math.max(0, (slope * x + offset) * unit),
    0,
  );
}

interface Knot {
  readonly x: number;
  readonly y: number;
}

/** Knots of tanh from -TANH_LIMIT to TANH_LIMIT, odd around 0. */
const TANH_KNOTS: readonly Knot[] = tanhKnots();

function tanhKnots(): readonly Knot[] {
  const steps = 4096;
  const weight = (x: number) => Math.sqrt(2 * Math.tanh(x)) / Math.cosh(x);
  const cumulative = [0];
  for (let step = 0; step < steps; step++) {
    const x = ((step + 0.5) * TANH_LIMIT) / steps;
    cumulative.push(cumulative[step]! + weight(x) * (TANH_LIMIT / steps));
  }
  const total = cumulative[steps]!;
  const half = Array.from({ length: CURVE_PIECES + 1 }, (_, knot) => {
    const index = cumulative.findIndex((sum) => sum >= (total * knot) / CURVE_PIECES - 1e-12);
    return (index * TANH_LIMIT) / steps;
  });
  // All segments err by the same h^2 |f''| / 8 = (total / pieces)^2 / 8; the first starts at the origin, so it keeps it.
  const lift = (total / CURVE_PIECES) ** 2 / 16;
  const positive = half.map((x, knot): Knot => ({ x, y: knot === 0 ? 0 : Math.min(1, Math.tanh(x) + lift) }));
  return [
    ...positive
      .slice(1)
      .map(({ x, y }) => ({ x: -x, y: -y }))
      .toReversed(),
    ...positive,
  ];
}

/** The function through the knots, flat before the first and after the last. The first value must be added by a piece. */
function pieces(knots: readonly Knot[], scale: number): readonly Piece[] {
  const start = knots[0]!.y;
  const result: Piece[] = [];
  if (Math.round(start * scale) !== 0) {
    result.push({ sign: start > 0 ? 1 : -1, slope: 0, offset: Math.abs(Math.round(start * scale)) });
  }
  let before = 0;
  knots.forEach(({ x, y }, index) => {
    const next = knots[index + 1];
    const after = next === undefined ? 0 : Math.round(((next.y - y) / (next.x - x)) * scale);
    const change = after - before;
    before = after;
    if (change === 0) return;
    const slope = Math.abs(change);
    result.push({ sign: change > 0 ? 1 : -1, slope, offset: Math.round(-slope * x) });
  });
  return result;
}
