/**
 * Small random shifts, rotations, scalings and slants of the training digits: the model sees each digit a
 * little different in every epoch, as hand-drawn ones are.
 */
import { IMAGE_HEIGHT, IMAGE_WIDTH } from '@trivet/mnist';
import type { SeededRandom } from '@trivet/seeded-random';

const LIMITS = {
  shiftPixels: 1.5,
  rotationRadians: (10 * Math.PI) / 180,
  scale: 0.1,
  shear: 0.1,
};

/**
 * Writes a distorted copy of one image, bilinearly resampled, with values in [0, 1].
 *
 * @param source 784 grey values, 0 to 255
 * @param target 784 floats, overwritten
 */
export function augment(source: Uint8Array, target: Float32Array, random: SeededRandom): void {
  const angle = random.symmetric(LIMITS.rotationRadians);
  const scale = 1 + random.symmetric(LIMITS.scale);
  const shear = random.symmetric(LIMITS.shear);
  const centreX = (IMAGE_WIDTH - 1) / 2;
  const centreY = (IMAGE_HEIGHT - 1) / 2;
  const xFromX = Math.cos(angle) / scale;
  const xFromY = Math.sin(angle) / scale + shear;
  const yFromX = -Math.sin(angle) / scale;
  const yFromY = Math.cos(angle) / scale;
  const shiftX = centreX + random.symmetric(LIMITS.shiftPixels);
  const shiftY = centreY + random.symmetric(LIMITS.shiftPixels);
  for (let y = 0; y < IMAGE_HEIGHT; y++) {
    for (let x = 0; x < IMAGE_WIDTH; x++) {
      const sourceX = shiftX + xFromX * (x - centreX) + xFromY * (y - centreY);
      const sourceY = shiftY + yFromX * (x - centreX) + yFromY * (y - centreY);
      target[y * IMAGE_WIDTH + x] = bilinear(source, sourceX, sourceY) / 255;
    }
  }
}

/** Writes images as they are, with values in [0, 1]. */
export function copyImages(source: Uint8Array, target: Float32Array): void {
  for (let pixel = 0; pixel < source.length; pixel++) target[pixel] = source[pixel]! / 255;
}

function bilinear(image: Uint8Array, x: number, y: number): number {
  const left = Math.floor(x);
  const top = Math.floor(y);
  if (left < -1 || top < -1 || left >= IMAGE_WIDTH || top >= IMAGE_HEIGHT) return 0;
  const right = x - left;
  const down = y - top;
  const upper = (1 - right) * pixelAt(image, left, top) + right * pixelAt(image, left + 1, top);
  const lower = (1 - right) * pixelAt(image, left, top + 1) + right * pixelAt(image, left + 1, top + 1);
  return (1 - down) * upper + down * lower;
}

/** Background outside the image. */
function pixelAt(image: Uint8Array, x: number, y: number): number {
  return x < 0 || y < 0 || x >= IMAGE_WIDTH || y >= IMAGE_HEIGHT ? 0 : image[y * IMAGE_WIDTH + x]!;
}
