/** Pictures from a file, a drop or the clipboard. They are decoded by the browser and never leave it. */
import type { RawPicture } from '../../compute/worker/messages.js';

/** Larger pictures are scaled down before they are looked at: a digit needs 20 pixels. */
const LARGEST_SIDE = 480;
const LARGEST_FILE_BYTES = 40 * 1024 * 1024;

/** @throws Error with a sentence when the file is no picture */
export async function decodePicture(file: Blob): Promise<ImageBitmap> {
  if (file.size > LARGEST_FILE_BYTES) throw new Error('This picture is larger than 40 MB.');
  let full: ImageBitmap;
  try {
    full = await createImageBitmap(file, { imageOrientation: 'from-image' });
  } catch {
    throw new Error('This file is not a picture that the browser can read. PNG, JPEG and WebP work.');
  }
  const scale = Math.min(1, LARGEST_SIDE / Math.max(full.width, full.height));
  if (scale === 1) return full;
  const small = await createImageBitmap(full, {
    resizeWidth: Math.max(1, Math.round(full.width * scale)),
    resizeHeight: Math.max(1, Math.round(full.height * scale)),
    resizeQuality: 'high',
  });
  full.close();
  return small;
}

/** The pixels of a decoded picture. */
export function rawPictureOf(bitmap: ImageBitmap): RawPicture | null {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext('2d');
  if (context === null) return null;
  context.drawImage(bitmap, 0, 0);
  const { data, width, height } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  return { width, height, rgba: data as Uint8ClampedArray<ArrayBuffer> };
}

/** The first picture among dropped or pasted things, if any. */
export function pictureIn(transfer: DataTransfer | null): File | null {
  return [...(transfer?.files ?? [])].find((file) => file.type.startsWith('image/')) ?? null;
}
