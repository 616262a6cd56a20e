/** From what the browser drew or decoded to the 784 grey values that the model will see. */
import { inkFromAlpha } from '../preprocess/grey-image.js';
import { toMnist } from '../preprocess/mnist.js';
import { greyFromRgba, inkFromGrey } from '../preprocess/picture.js';
import type { RawPicture } from './messages.js';

export function prepare({ kind, width, height, rgba }: RawPicture): Uint8Array<ArrayBuffer> | null {
  const ink =
    kind === 'drawing' ? inkFromAlpha(rgba, width, height) : inkFromGrey(greyFromRgba(rgba, width, height));
  return toMnist(ink);
}
