/**
 * Average pooling is linear: a convolution followed by it is one convolution with a larger kernel and stride.
 *
 * With kernel k, stride s, dilation d and a pooling window p of stride q, output o of the pooling reads inputs
 * o q s + j s + i d for 0 <= j < p and 0 <= i < k, each with weight kernel[i] / p: a kernel of
 * (p - 1) s + (k - 1) d + 1 cells, stride s q, dilation 1, and the zero padding of the convolution.
 */
import {
  type Joined,
  type LinearOperation,
  multiplicationsOf,
  type OperationNode,
  poolingPaddingAfter,
  windowExtent,
} from './operations.js';
import type { Conv2DGeometry, PoolGeometry } from './plan.js';

/**
 * A composite kernel may cost this many times the multiplications of its convolution: a step less to run is
 * worth as much, and dense windows far beyond that would make the weights grow without need.
 */
const MAX_COST_RATIO = 2;

/** @returns both as one node, or null when they are not a convolution and a pooling that can be folded */
export function foldAveragePooling(left: OperationNode, right: OperationNode): Joined {
  if (left.operation.kind !== 'linear' || right.operation.kind !== 'averagePool') return null;
  const g = left.operation.geometry;
  const pool = right.operation.geometry;
  const sameImage =
    g.outHeight === pool.inHeight && g.outWidth === pool.inWidth && g.outChannels === pool.channels;
  // Windows clipped at the border divide by fewer cells, so they are no convolution.
  const [bottom, side] = poolingPaddingAfter(pool);
  const padded = pool.padTop > 0 || pool.padLeft > 0 || bottom > 0 || side > 0;
  if (!sameImage || padded) return null;
  const geometry = compositeGeometry(g, pool);
  const { depthwise } = left.operation;
  if (multiplicationsOf(geometry, depthwise) > MAX_COST_RATIO * multiplicationsOf(g, depthwise)) return null;
  const operation: LinearOperation = {
    kind: 'linear',
    depthwise,
    geometry,
    kernel: compositeKernel(left.operation, pool, geometry),
    bias: left.operation.bias,
  };
  return { name: `${left.name}+${right.name}`, operation, outputShape: right.outputShape };
}

function compositeGeometry(g: Conv2DGeometry, pool: PoolGeometry): Conv2DGeometry {
  return {
    ...g,
    outHeight: pool.outHeight,
    outWidth: pool.outWidth,
    kernelHeight: (pool.poolHeight - 1) * g.strideHeight + windowExtent(g.kernelHeight, g.dilationHeight),
    kernelWidth: (pool.poolWidth - 1) * g.strideWidth + windowExtent(g.kernelWidth, g.dilationWidth),
    strideHeight: g.strideHeight * pool.strideHeight,
    strideWidth: g.strideWidth * pool.strideWidth,
    dilationHeight: 1,
    dilationWidth: 1,
  };
}

function compositeKernel(
  { geometry: g, kernel, depthwise }: LinearOperation,
  pool: PoolGeometry,
  composite: Conv2DGeometry,
): Float64Array {
  const cell = (depthwise ? 1 : g.inChannels) * g.outChannels;
  const cells = pool.poolHeight * pool.poolWidth;
  const sum = new Float64Array(composite.kernelHeight * composite.kernelWidth * cell);
  for (let down = 0; down < pool.poolHeight; down++) {
    for (let across = 0; across < pool.poolWidth; across++) {
      for (let row = 0; row < g.kernelHeight; row++) {
        for (let column = 0; column < g.kernelWidth; column++) {
          const y = down * g.strideHeight + row * g.dilationHeight;
          const x = across * g.strideWidth + column * g.dilationWidth;
          const target = (y * composite.kernelWidth + x) * cell;
          const source = (row * g.kernelWidth + column) * cell;
          for (let i = 0; i < cell; i++) sum[target + i]! += kernel[source + i]! / cells;
        }
      }
    }
  }
  return sum;
}
