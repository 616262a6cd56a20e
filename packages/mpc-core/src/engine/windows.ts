/** Public index lists of the steps that only move values: zero padding, and the cells of pooling windows. */
import type { PadGeometry, PoolGeometry } from '../graph/plan.js';

/** For each output word of zero padding its input word, or -1. */
export function paddingIndices(g: PadGeometry): Int32Array {
  const indices = new Int32Array(g.outHeight * g.outWidth * g.channels);
  let at = 0;
  for (let oy = 0; oy < g.outHeight; oy++) {
    for (let ox = 0; ox < g.outWidth; ox++) {
      const iy = oy - g.padTop;
      const ix = ox - g.padLeft;
      const inside = iy >= 0 && iy < g.inHeight && ix >= 0 && ix < g.inWidth;
      for (let c = 0; c < g.channels; c++) {
        indices[at++] = inside ? (iy * g.inWidth + ix) * g.channels + c : -1;
      }
    }
  }
  return indices;
}

/** For each of several values that are joined, for each output word its input word, or -1: the word is another's. */
export function joinIndices(channels: readonly number[], positions: number): readonly Int32Array[] {
  const width = channels.reduce((total, each) => total + each, 0);
  let before = 0;
  return channels.map((own) => {
    const indices = new Int32Array(positions * width).fill(-1);
    for (let position = 0; position < positions; position++) {
      for (let c = 0; c < own; c++) indices[position * width + before + c] = position * own + c;
    }
    before += own;
    return indices;
  });
}

/**
 * For each cell of a pooling window, for each output word, the input word under it. A cell outside the image repeats
 * the window's first inner cell, which leaves a maximum as it is.
 */
export function windowIndices(g: PoolGeometry): readonly Int32Array[] {
  const lists: Int32Array[] = [];
  const first = (origin: number): number => Math.max(origin, 0);
  for (let py = 0; py < g.poolHeight; py++) {
    for (let px = 0; px < g.poolWidth; px++) {
      const indices = new Int32Array(g.outHeight * g.outWidth * g.channels);
      let at = 0;
      for (let oy = 0; oy < g.outHeight; oy++) {
        const top = oy * g.strideHeight - g.padTop;
        const iy = top + py >= 0 && top + py < g.inHeight ? top + py : first(top);
        for (let ox = 0; ox < g.outWidth; ox++) {
          const left = ox * g.strideWidth - g.padLeft;
          const ix = left + px >= 0 && left + px < g.inWidth ? left + px : first(left);
          for (let c = 0; c < g.channels; c++) indices[at++] = (iy * g.inWidth + ix) * g.channels + c;
        }
      }
      lists.push(indices);
    }
  }
  return lists;
}
