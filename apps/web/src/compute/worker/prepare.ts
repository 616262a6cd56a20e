/** From a picture as the browser decodes it to the 784 grey values that the model will see. */
import { toMnist } from '../preprocess/mnist.js';
import { greyFromRgba, inkFromGrey } from '../preprocess/picture.js';
import type { RawPicture } from './messages.js';

export function prepare({ width, height, rgba }: RawPicture): Uint8Array<ArrayBuffer> | null {
  return toMnist(inkFromGrey(greyFromRgba(rgba, width, height)));
}
