/** MNIST's pairs of IDX files, decoded: no disk, so that browsers can read the same files. */
import { decodeIdx, IdxFormatError } from './idx.js';

export const IMAGE_HEIGHT = 28;
export const IMAGE_WIDTH = 28;
export const IMAGE_SIZE = IMAGE_HEIGHT * IMAGE_WIDTH;
export const CLASSES = 10;

export interface Mnist {
  /** `count * 784` grey values, 0 (background) to 255 (ink), one image after the other, row-major. */
  readonly images: Uint8Array;
  /** `count` digits, 0 to 9. */
  readonly labels: Uint8Array;
  readonly count: number;
}

/**
 * Joins an IDX file of images and one of labels.
 *
 * @param source what the files are, for error messages
 * @throws IdxFormatError when one of them is not MNIST's, or they do not belong together
 */
export function decodeMnist(imageFile: Uint8Array, labelFile: Uint8Array, source: string): Mnist {
  const images = decodeIdx(imageFile, 3, `${source} images`);
  const labels = decodeIdx(labelFile, 1, `${source} labels`);
  const [count, height, width] = images.shape;
  if (height !== IMAGE_HEIGHT || width !== IMAGE_WIDTH) {
    throw new IdxFormatError(`${source} images`, `images of ${height} x ${width}, expected 28 x 28`);
  }
  if (labels.shape[0] !== count) {
    throw new IdxFormatError(source, `${count} images but ${labels.shape[0]} labels`);
  }
  const wrong = labels.values.findIndex((label) => label >= CLASSES);
  if (wrong !== -1) {
    throw new IdxFormatError(
      `${source} labels`,
      `label ${wrong} is ${labels.values[wrong]}, expected 0 to 9`,
    );
  }
  return { images: images.values, labels: labels.values, count: labels.values.length };
}
