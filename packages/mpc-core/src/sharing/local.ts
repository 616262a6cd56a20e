/**
 * What replicated shares can do without a message (Araki, Furukawa, Lindell, Nof, Ohara 2016, section 2): sums, and
 * the additive summand of a product, z_i = x_i (w_i + w_{i+1}) + x_{i+1} w_i.
 */
import type { Conv2DGeometry, PoolGeometry } from '../graph/plan.js';
import type { Arena } from '../kernels/arena.js';
import type { Kernels, Pointer } from '../kernels/kernels.js';
import type { Additive, LinearWeights, Shared } from './values.js';

/** Local operations of one party; results are allocated in the session's arena. */
export class LocalOperations {
  constructor(
    protected readonly kernels: Kernels,
    protected readonly arena: Arena,
    protected readonly fractionalBits: number,
  ) {}

  linear(x: Shared, weights: LinearWeights, batch: number, geometry: Conv2DGeometry): Additive {
    const rows = batch * geometry.outHeight * geometry.outWidth;
    const n = rows * geometry.outChannels;
    const words = this.arena.words(n);
    this.kernels.conv2d(words, x.first, weights.sum, batch, geometry, false);
    this.kernels.conv2d(words, x.second, weights.first, batch, geometry, true);
    if (weights.bias !== null) this.kernels.addBias(words, words, weights.bias, rows, geometry.outChannels);
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
