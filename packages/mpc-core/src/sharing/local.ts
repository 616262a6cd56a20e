/**
 * What replicated shares can do without a message (Araki, Furukawa, Lindell, Nof, Ohara 2016, section 2): sums,
 * public linear maps, and a party's part of a product with shared weights.
 */
import type { Conv2DGeometry, PoolGeometry } from '../graph/plan.js';
import { pointwise } from '../graph/shapes.js';
import type { Arena } from '../kernels/arena.js';
import { type Kernels, NARROW_BITS, type Pointer } from '../kernels/kernels.js';
import type { Additive, LinearWeights, Shared, WeightForm } from './values.js';

/** A product of one vector of input words with one form of the weights. */
export interface Product {
  readonly x: Pointer;
  readonly form: WeightForm;
}

/** Local operations of one party; results are allocated in the session's arena. */
export class LocalOperations {
  constructor(
    protected readonly kernels: Kernels,
    protected readonly arena: Arena,
    protected readonly fractionalBits: number,
  ) {}

  /** The sum of products, plus the party's share of the bias: [batch, ...] words that count modulo 2^bits. */
  protected sumOfProducts(
    products: readonly Product[],
    weights: LinearWeights,
    batch: number,
    geometry: Conv2DGeometry,
    bits: number,
  ): Additive {
    const { kernels, arena } = this;
    const rows = batch * geometry.outHeight * geometry.outWidth;
    const n = rows * geometry.outChannels;
    const words = arena.words(n);
    const mark = arena.mark();
    products.forEach(({ x, form }, i) => {
      const kernel = weights.form(form);
      if (kernel.narrow !== null && bits <= NARROW_BITS) {
        const scratch = arena.allocate(kernels.narrowScratchBytes(geometry, batch));
        kernels.conv2dNarrow(words, x, kernel.narrow, scratch, batch, geometry, i > 0);
      } else if (weights.depthwise) {
        kernels.depthwiseConv2d(words, x, kernel.words, batch, geometry, i > 0);
      } else {
        kernels.conv2d(words, x, kernel.words, batch, geometry, i > 0);
      }
    });
    arena.rewind(mark);
    if (weights.bias !== null) kernels.addBias(words, words, weights.bias, rows, geometry.outChannels);
    return { words, n };
  }

  averagePool(x: Shared, batch: number, geometry: PoolGeometry): Additive {
    const n = batch * geometry.outHeight * geometry.outWidth * geometry.channels;
    const words = this.arena.words(n);
    this.kernels.averagePool2d(words, x.first, batch, geometry, this.fractionalBits);
    return { words, n };
  }

  subtract(x: Shared, y: Shared): Shared {
    return this.both(x.n, (dst, part) => this.kernels.subtract(dst, x[part], y[part], x.n));
  }

  add(x: Shared, y: Shared): Shared {
    return this.both(x.n, (dst, part) => this.kernels.add(dst, x[part], y[part], x.n));
  }

  gather(x: Shared, indices: Pointer, n: number, batch: number, srcStride: number): Shared {
    return this.both(batch * n, (dst, part) =>
      this.kernels.gather(dst, x[part], indices, n, batch, srcStride),
    );
  }

  additive(x: Shared): Additive {
    return { words: x.first, n: x.n };
  }

  /** The summand of x * 2^f: a shared value as one at scale 2f. */
  lift(x: Shared): Additive {
    const words = this.arena.words(x.n);
    this.kernels.averagePool2d(words, x.first, 1, singleCells(x.n), this.fractionalBits);
    return { words, n: x.n };
  }

  /** x + y of additive values. */
  sum(x: Additive, y: Additive): Additive {
    const words = this.arena.words(x.n);
    this.kernels.add(words, x.words, y.words, x.n);
    return { words, n: x.n };
  }

  /** `gather` of an additive value. */
  gatherAdditive(x: Additive, indices: Pointer, n: number, batch: number, srcStride: number): Additive {
    const words = this.arena.words(batch * n);
    this.kernels.gather(words, x.words, indices, n, batch, srcStride);
    return { words, n: batch * n };
  }

  /**
   * slope x + offset for each of `count` public slopes and this party's summands of as many offsets: all values with the
   * first, then all with the second.
   */
  affine(x: Additive, slopes: Pointer, offsets: Pointer, count: number): Additive {
    const words = this.arena.words(x.n * count);
    const geometry = pointwise(x.n, 1, 1);
    for (let index = 0; index < count; index++) {
      const part = words + 8 * x.n * index;
      this.kernels.conv2d(part, x.words, slopes + 8 * index, 1, geometry, false);
      this.kernels.addBias(part, part, offsets + 8 * index, x.n, 1);
    }
    return { words, n: x.n * count };
  }

  /** Each sample's row of values times a public matrix [inputs, outputs], plus this party's summands of a row of offsets. */
  publicLinear(
    x: Additive,
    matrix: Pointer,
    offsets: Pointer,
    batch: number,
    inputs: number,
    outputs: number,
  ): Additive {
    const n = batch * outputs;
    const words = this.arena.words(n);
    this.kernels.conv2d(words, x.words, matrix, 1, pointwise(batch, inputs, outputs), false);
    this.kernels.addBias(words, words, offsets, batch, outputs);
    return { words, n };
  }

  /** The summands of what a reply carries, not blinded: see sharing/replies.ts. */
  protected checked(z: Additive, samples: number, bits: number): Additive {
    const n = z.n + samples;
    const words = this.arena.words(n);
    this.kernels.appendChecks(words, z.words, samples, z.n / samples, 64 - bits);
    return { words, n };
  }

  /** The values one after the other. */
  concatenate(parts: readonly Shared[]): Shared {
    const n = parts.reduce((total, part) => total + part.n, 0);
    return this.both(n, (dst, half) => {
      let at = dst;
      for (const part of parts) {
        this.kernels.memory.bytes.copyWithin(at, part[half], part[half] + 8 * part.n);
        at += 8 * part.n;
      }
    });
  }

  private both(n: number, compute: (dst: Pointer, part: 'first' | 'second') => void): Shared {
    const value = { first: this.arena.words(n), second: this.arena.words(n), n };
    compute(value.first, 'first');
    compute(value.second, 'second');
    return value;
  }
}

/** Windows of one cell: the mean of each value by itself. */
function singleCells(n: number): PoolGeometry {
  return {
    inHeight: 1,
    inWidth: n,
    channels: 1,
    outHeight: 1,
    outWidth: n,
    poolHeight: 1,
    poolWidth: 1,
    strideHeight: 1,
    strideWidth: 1,
    padTop: 0,
    padLeft: 0,
  };
}
