/** A picture file as digits: one, or as many as a sheet holds. */
import { TrivetError } from '@trivet/shared-types';
import { toMnist } from '../preprocess/mnist.js';
import { greyFromRgba, inkFromGrey } from '../preprocess/picture.js';
import { gridCells, segmentDigits } from './sheet.js';

/** Large photos are scaled down to this side before they are looked at. */
const LARGEST_SIDE = 2048;

/** @returns 784 grey values a digit, in reading order; none when the picture is of one tone */
export async function digitsOfPicture(file: Blob): Promise<Uint8Array<ArrayBuffer>[]> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' });
  } catch {
    throw new TrivetError('INVALID_ARGUMENT', 'not a picture that the browser can read.');
  }
  const scale = Math.min(1, LARGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const grey = greyFromRgba(context.getImageData(0, 0, width, height).data, width, height);
  const cells = scale === 1 ? gridCells(grey) : null;
  if (cells !== null) return cells;
  const ink = inkFromGrey(grey);
  return segmentDigits(ink).flatMap((piece) => toMnist(piece) ?? []);
}
