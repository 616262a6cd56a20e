/** A walk over the digit: the pixels with ink, row by row. */
export function inkPixels(pixels: Uint8Array): number[] {
  return [...pixels.keys()].filter((index) => pixels[index]! > 0);
}

/** The pixel that the walk has come to; the middle of the picture where there is no ink. */
export function pixelAt(walk: readonly number[], progress: number): number {
  // At rest it stands in the middle of the walk, where the digit is, not on its last pixel.
  const part = progress >= 1 ? 0.5 : progress;
  return walk[Math.min(walk.length - 1, Math.floor(part * walk.length))] ?? 406;
}
