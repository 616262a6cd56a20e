/**
 * A worker's two shares as one picture, every byte a dot. The eight bytes of a pixel's word are a block of 4 x 2 dots in
 * the pixel's place, so that a share that still held the digit would show it; the first share is above the second.
 */
import type { MessageView } from '../../compute/worker/messages.js';

const IMAGE_EXTENT = 28;
const WORD_BYTES = 8;
const BLOCK_WIDTH = 4;
const BLOCK_HEIGHT = 2;

/** Width and height of the picture. */
export const NOISE_EXTENT = IMAGE_EXTENT * BLOCK_WIDTH;

/** @returns NOISE_EXTENT squared bytes, row-major */
export function noisePicture(shares: MessageView['shares']): Uint8Array {
  const half = IMAGE_EXTENT * BLOCK_HEIGHT * NOISE_EXTENT;
  const picture = new Uint8Array(2 * half);
  shares.forEach(({ bytes }, share) => {
    bytes.forEach((byte, index) => {
      const pixel = Math.floor(index / WORD_BYTES);
      const dot = index % WORD_BYTES;
      const x = (pixel % IMAGE_EXTENT) * BLOCK_WIDTH + (dot % BLOCK_WIDTH);
      const y = Math.floor(pixel / IMAGE_EXTENT) * BLOCK_HEIGHT + Math.floor(dot / BLOCK_WIDTH);
      picture[share * half + y * NOISE_EXTENT + x] = byte;
    });
  });
  return picture;
}

/** What the message held, in words, for example "a seed and a share". */
export function formsOf([first, second]: MessageView['shares']): string {
  if (first.form === 'seed' && second.form === 'seed') return 'two seeds';
  return first.form === second.form ? 'two shares' : 'a seed and a share';
}
