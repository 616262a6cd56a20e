/**
 * A picture of a digit, made as the pictures of MNIST were made (LeCun, Cortes, Burges): cropped to its ink, scaled into
 * 20x20 keeping its proportions with antialiasing, and placed in 28x28 so that its centre of mass is in the centre.
 *
 * Two things the description leaves open were read off the 10,000 test images: the centre of mass is within half a
 * pixel of (14, 14) on both axes, and every image reaches full ink. A test holds this code against those images.
 */
import { type GreyImage, inkBox } from './grey-image.js';
import { resampleArea } from './resample.js';

export const MNIST_EXTENT = 28;
const DIGIT_EXTENT = 20;
const CENTRE = 14;

/** @returns 784 grey values, 0 (background) to 255 (ink), row-major; null when there is no ink */
export function toMnist(ink: GreyImage): Uint8Array<ArrayBuffer> | null {
  const box = inkBox(ink);
  if (box === null) return null;
  const scale = DIGIT_EXTENT / Math.max(box.right - box.left, box.bottom - box.top);
  const width = Math.max(1, Math.round((box.right - box.left) * scale));
  const height = Math.max(1, Math.round((box.bottom - box.top) * scale));
  const digit = resampleArea(ink, box, width, height);

  let mass = 0;
  let massX = 0;
  let massY = 0;
  let peak = 0;
  digit.values.forEach((value, index) => {
    mass += value;
    massX += value * (index % width);
    massY += value * Math.floor(index / width);
    peak = Math.max(peak, value);
  });
  const left = clamp(Math.round(CENTRE - massX / mass), 0, MNIST_EXTENT - width);
  const top = clamp(Math.round(CENTRE - massY / mass), 0, MNIST_EXTENT - height);

  const pixels = new Uint8Array(MNIST_EXTENT * MNIST_EXTENT);
  digit.values.forEach((value, index) => {
    const x = left + (index % width);
    const y = top + Math.floor(index / width);
    pixels[y * MNIST_EXTENT + x] = Math.round((value * 255) / peak);
  });
  return pixels;
}

/** Pixels as the model's input. @param divideBy from the model's manifest, 255 for MNIST */
export function toModelInput(pixels: Uint8Array, divideBy: number): Float32Array<ArrayBuffer> {
  const inputs = new Float32Array(pixels.length);
  // A loop: a batch has a hundred pictures, and what is called for each number takes ten times as long.
  for (let index = 0; index < pixels.length; index++) inputs[index] = pixels[index]! / divideBy;
  return inputs;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
