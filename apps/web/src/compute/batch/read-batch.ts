/** Pictures of digits from IDX files, picture files, sheets of many digits, or the MNIST test set. */
import { decodeMnist, IMAGE_SIZE } from '@trivet/mnist/decode';
import { decodeIdx } from '@trivet/mnist/idx';
import { TrivetError } from '@trivet/shared-types';
import { type BatchFile, type BatchPictures, type BatchSource, NO_LABEL } from './messages.js';
import { digitsOfPicture } from './picture-file.js';

/** What the page's build puts beside it. */
const MNIST_IMAGES = '/mnist/t10k-images-idx3-ubyte.gz';
const MNIST_LABELS = '/mnist/t10k-labels-idx1-ubyte.gz';
const MOST_PICTURES = 100_000;
const MOST_PROBLEMS = 20;
/** Of one file: a kilobyte of gzip can stand for a megabyte. */
const MOST_INFLATED_BYTES = MOST_PICTURES * IMAGE_SIZE + 16;

export type TellRead = (progress: { readonly read: number; readonly of: number }) => void;

export async function readBatch(
  source: BatchSource,
  tell: TellRead,
  signal: AbortSignal,
): Promise<BatchPictures> {
  return source.kind === 'mnist' ? readMnist(source.count, signal) : readFiles(source.files, tell, signal);
}

async function readMnist(count: number, signal: AbortSignal): Promise<BatchPictures> {
  const [images, labels] = await Promise.all([
    fetchGzip(MNIST_IMAGES, signal),
    fetchGzip(MNIST_LABELS, signal),
  ]);
  const mnist = decodeMnist(images, labels, 'The MNIST test set');
  const chosen = Math.min(count, mnist.count);
  return {
    pixels: mnist.images.slice(0, chosen * IMAGE_SIZE),
    count: chosen,
    labels: mnist.labels.slice(0, chosen),
    names: null,
    problems: [],
  };
}

async function fetchGzip(path: string, signal: AbortSignal): Promise<Uint8Array> {
  const response = await fetch(path, { signal }).catch(() => null);
  if (signal.aborted) throw new TrivetError('CANCELLED', 'Reading was cancelled.');
  if (response === null || !response.ok) {
    const why = 'The MNIST test set could not be loaded from this page’s server. Is this device offline?';
    throw new TrivetError('UNAVAILABLE', why);
  }
  return gunzip(new Uint8Array(await response.arrayBuffer()));
}

/** Inflated when it is gzip, as it is otherwise: some servers inflate such files themselves. */
async function gunzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip')).getReader();
  const chunks: BlobPart[] = [];
  let size = 0;
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    chunks.push(read.value);
    size += read.value.length;
    if (size > MOST_INFLATED_BYTES) {
      await reader.cancel();
      throw new TrivetError('RESOURCE_EXHAUSTED', `it unpacks to more than ${MOST_PICTURES} pictures.`);
    }
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

interface Collected {
  readonly images: Uint8Array[];
  readonly labels: number[];
  readonly names: string[];
  readonly problems: string[];
}

async function readFiles(
  files: readonly BatchFile[],
  tell: TellRead,
  signal: AbortSignal,
): Promise<BatchPictures> {
  const all: Collected = { images: [], labels: [], names: [], problems: [] };
  const ordered = files.toSorted((a, b) => a.path.localeCompare(b.path, 'en', { numeric: true }));
  const idxLabels: { path: string; values: Uint8Array }[] = [];
  const idxImages: { path: string; first: number; count: number }[] = [];
  for (const [index, { file, path }] of ordered.entries()) {
    if (signal.aborted) throw new TrivetError('CANCELLED', 'Reading was cancelled.');
    tell({ read: index, of: ordered.length });
    if (path.split('/').some((part) => part.startsWith('.'))) continue;
    try {
      if (/ubyte|\.idx|\.gz$/i.test(path)) {
        const bytes = await gunzip(new Uint8Array(await file.arrayBuffer()));
        if (bytes[3] === 1) idxLabels.push({ path, values: decodeIdx(bytes, 1, path).values });
        else idxImages.push({ path, ...addIdxImages(all, bytes, path) });
      } else if (file.type.startsWith('image/')) await addPicture(all, file, path);
      else all.problems.push(`${path}: neither a picture nor an IDX file.`);
    } catch (error) {
      all.problems.push(`${path}: ${(error as Error).message}`);
    }
    if (all.images.length > MOST_PICTURES) {
      throw new TrivetError('RESOURCE_EXHAUSTED', `At most ${MOST_PICTURES} pictures fit one run.`);
    }
  }
  joinLabels(all, idxImages, idxLabels);
  if (all.images.length === 0) {
    const why = all.problems[0] ?? 'There is no picture and no IDX file among these files.';
    throw new TrivetError('INVALID_ARGUMENT', why);
  }
  return toBatch(all, idxImages.length > 0 && idxImages.length === ordered.length - idxLabels.length);
}

function addIdxImages(all: Collected, bytes: Uint8Array, path: string) {
  const { shape, values } = decodeIdx(bytes, 3, path);
  if (shape[1] !== 28 || shape[2] !== 28) {
    throw new TrivetError('INVALID_ARGUMENT', `images of ${shape[1]} x ${shape[2]}, expected 28 x 28.`);
  }
  const first = all.images.length;
  const count = shape[0]!;
  for (let index = 0; index < count; index++) {
    all.images.push(values.subarray(index * IMAGE_SIZE, (index + 1) * IMAGE_SIZE));
    all.labels.push(NO_LABEL);
    all.names.push(`${path} ${index}`);
  }
  return { first, count };
}

/** An IDX file of labels belongs to the images that it counts as many of; "train" and "t10k" tell equals apart. */
function joinLabels(
  all: Collected,
  images: readonly { path: string; first: number; count: number }[],
  labels: { path: string; values: Uint8Array }[],
): void {
  const stem = (path: string) => path.split('/').at(-1)!.split(/[-.]/)[0];
  for (const { path, values } of labels) {
    const fitting = images.filter(({ count }) => count === values.length);
    const target = fitting.find((one) => stem(one.path) === stem(path)) ?? fitting[0];
    if (target === undefined) {
      all.problems.push(`${path}: ${values.length} labels, but no file with as many images.`);
    } else if (values.some((label) => label > 9)) {
      all.problems.push(`${path}: labels above 9 are not digits.`);
    } else {
      values.forEach((label, index) => {
        all.labels[target.first + index] = label;
      });
    }
  }
}

async function addPicture(all: Collected, file: File, path: string): Promise<void> {
  const digits = await digitsOfPicture(file);
  if (digits.length === 0) throw new TrivetError('INVALID_ARGUMENT', 'no digit is to be seen in it.');
  const label = labelOf(path);
  digits.forEach((pixels, index) => {
    all.images.push(pixels);
    all.labels.push(label);
    all.names.push(digits.length === 1 ? path : `${path} ${index + 1}`);
  });
}

/** The digit that a folder is named by, or a file like "7.png", "7_12.png" or "label-7.png"; else no label. */
export function labelOf(path: string): number {
  const parts = path.split('/');
  const folder = parts.slice(0, -1).findLast((part) => /^[0-9]$/.test(part));
  const name = /^(?:label[-_ ]?)?([0-9])(?:[-_ .]|$)/i.exec(parts.at(-1)!)?.[1];
  const digit = folder ?? name;
  return digit === undefined ? NO_LABEL : Number(digit);
}

function toBatch(all: Collected, onlyIdx: boolean): BatchPictures {
  const pixels = new Uint8Array(all.images.length * IMAGE_SIZE);
  all.images.forEach((image, index) => {
    pixels.set(image, index * IMAGE_SIZE);
  });
  const more = all.problems.length - MOST_PROBLEMS;
  return {
    pixels,
    count: all.images.length,
    labels: all.labels.some((label) => label !== NO_LABEL) ? Uint8Array.from(all.labels) : null,
    names: onlyIdx ? null : all.names,
    problems: more > 0 ? [...all.problems.slice(0, MOST_PROBLEMS), `And ${more} more.`] : all.problems,
  };
}
