/**
 * A photographed, scanned or saved digit, turned into ink on nothing: which of dark and light is the ink, where between
 * them the background ends and full ink begins, and which specks are dirt.
 */
import type { GreyImage } from './grey-image.js';

/** Components smaller than this part of the largest one are dirt. */
const SPECK_PART = 0.04;
/** Pictures whose lightest and darkest parts differ less than this hold nothing to read. */
const LEAST_CONTRAST = 12;

/** Luminance (ITU-R BT.601) of a picture over white paper: transparent pixels count as white. */
export function greyFromRgba(rgba: Uint8ClampedArray, width: number, height: number): GreyImage {
  const values = new Float32Array(width * height);
  for (let pixel = 0; pixel < values.length; pixel++) {
    const at = 4 * pixel;
    const luminance = 0.299 * rgba[at]! + 0.587 * rgba[at + 1]! + 0.114 * rgba[at + 2]!;
    values[pixel] = 255 + (luminance - 255) * (rgba[at + 3]! / 255);
  }
  return { width, height, values };
}

/** @returns the ink of a grey picture, 0 to 255; all 0 when the picture is of one tone */
export function inkFromGrey(grey: GreyImage): GreyImage {
  const threshold = otsuThreshold(grey.values);
  const inverted = borderMean(grey) > threshold;
  const light = inverted ? grey.values.map((value) => 255 - value) : grey.values;
  const split = inverted ? 255 - threshold : threshold;
  const background = meanOf(light, (value) => value < split);
  const ink = meanOf(light, (value) => value >= split);
  const values = new Float32Array(light.length);
  if (ink - background >= LEAST_CONTRAST) {
    // A fifth of the way up is still paper: shadows and JPEG blur stay out, antialiased edges stay in.
    const low = background + (ink - background) * 0.2;
    light.forEach((value, index) => {
      values[index] = Math.min(255, Math.max(0, ((value - low) / (ink - low)) * 255));
    });
  }
  return withoutSpecks({ ...grey, values });
}

/** Otsu 1979: the threshold that separates the histogram into the two most distinct classes. */
function otsuThreshold(values: Float32Array): number {
  const histogram = new Float64Array(256);
  for (const value of values) histogram[Math.round(value)]!++;
  const total = values.length;
  const sum = histogram.reduce((all, count, level) => all + count * level, 0);
  let below = 0;
  let belowSum = 0;
  let best = { variance: -1, level: 127 };
  for (let level = 0; level < 255; level++) {
    below += histogram[level]!;
    belowSum += histogram[level]! * level;
    if (below === 0 || below === total) continue;
    const gap = belowSum / below - (sum - belowSum) / (total - below);
    const variance = below * (total - below) * gap * gap;
    if (variance > best.variance) best = { variance, level };
  }
  return best.level + 0.5;
}

function borderMean({ width, height, values }: GreyImage): number {
  let sum = 0;
  let count = 0;
  for (let y = 0; y < height; y++) {
    const step = y === 0 || y === height - 1 ? 1 : Math.max(1, width - 1);
    for (let x = 0; x < width; x += step) {
      sum += values[y * width + x]!;
      count++;
    }
  }
  return sum / count;
}

function meanOf(values: Float32Array, belongs: (value: number) => boolean): number {
  let sum = 0;
  let count = 0;
  for (const value of values) {
    if (!belongs(value)) continue;
    sum += value;
    count++;
  }
  return count === 0 ? 0 : sum / count;
}

/** Removes 8-connected components that are tiny beside the largest one. */
function withoutSpecks(image: GreyImage): GreyImage {
  const { width, height, values } = image;
  const component = new Int32Array(values.length).fill(-1);
  const masses: number[] = [];
  const stack: number[] = [];
  for (let start = 0; start < values.length; start++) {
    if (values[start]! <= 0 || component[start] !== -1) continue;
    const id = masses.push(0) - 1;
    component[start] = id;
    stack.push(start);
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      masses[id]! += values[at]!;
      const x = at % width;
      const y = Math.floor(at / width);
      for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++) {
        for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
          const next = ny * width + nx;
          if (values[next]! <= 0 || component[next] !== -1) continue;
          component[next] = id;
          stack.push(next);
        }
      }
    }
  }
  const least = Math.max(0, ...masses) * SPECK_PART;
  const kept = values.map((value, index) => (value > 0 && masses[component[index]!]! < least ? 0 : value));
  return { ...image, values: kept };
}
