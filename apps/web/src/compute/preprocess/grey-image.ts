/** A grey picture, row-major. In this folder a value is the amount of ink: 0 is background, 255 full ink. */
export interface GreyImage {
  readonly width: number;
  readonly height: number;
  readonly values: Float32Array;
}

/** A rectangle of whole pixels: columns left to right - 1, rows top to bottom - 1. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** The smallest box that holds every pixel with ink, or null for an empty picture. */
export function inkBox({ width, height, values }: GreyImage): Box | null {
  let left = width;
  let right = 0;
  let top = height;
  let bottom = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (values[y * width + x]! <= 0) continue;
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
      top = Math.min(top, y);
      bottom = y + 1;
    }
  }
  return right > left ? { left, top, right, bottom } : null;
}

/** Opacity of a drawing on a transparent canvas, as ink: whatever colour the theme draws in. */
export function inkFromAlpha(rgba: Uint8ClampedArray, width: number, height: number): GreyImage {
  const values = new Float32Array(width * height);
  for (let pixel = 0; pixel < values.length; pixel++) values[pixel] = rgba[4 * pixel + 3]!;
  return { width, height, values };
}
