import { IMAGE_SIZE, loadMnist } from '@trivet/mnist';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type GreyImage, inkBox, inkFromAlpha } from './grey-image.js';
import { toMnist, toModelInput } from './mnist.js';
import { greyFromRgba, inkFromGrey } from './picture.js';
import { resampleArea } from './resample.js';

const SAMPLES = 500;
/** Each is 252 pixels wide then: more of them keep a busy machine for half a minute. */
const ENLARGED = 100;
let digits: Uint8Array[];

beforeAll(async () => {
  const { images } = await loadMnist('test');
  digits = Array.from({ length: SAMPLES }, (_, i) => images.slice(i * IMAGE_SIZE, (i + 1) * IMAGE_SIZE));
});

function enlarge(pixels: Uint8Array, factor: number, paper: (grey: number) => number): GreyImage {
  const extent = 28 * factor;
  const values = new Float32Array(extent * extent);
  values.forEach((_, index) => {
    const x = Math.floor((index % extent) / factor);
    const y = Math.floor(index / extent / factor);
    values[index] = paper(pixels[y * 28 + x]!);
  });
  return { width: extent, height: extent, values };
}

function greyToRgba(image: GreyImage): Uint8ClampedArray {
  return Uint8ClampedArray.from({ length: 4 * image.values.length }, (_, i) =>
    i % 4 === 3 ? 255 : image.values[Math.floor(i / 4)]!,
  );
}

const difference = (a: Uint8Array, b: Uint8Array) =>
  a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;

describe('toMnist', () => {
  it('leaves MNIST as it is: real test images come back unchanged', () => {
    const unchanged = digits.filter((digit) => {
      const again = toMnist({ width: 28, height: 28, values: Float32Array.from(digit) })!;
      return again.every((value, i) => Math.abs(value - digit[i]!) <= 5);
    });
    // The few others lie on a tie of the centring.
    expect(unchanged.length).toBeGreaterThan(SAMPLES * 0.98);
  });

  it('restores MNIST images that were enlarged', () => {
    const apart = digits
      .slice(0, ENLARGED)
      .map((digit) => difference(toMnist(enlarge(digit, 9, (grey) => grey))!, digit));
    expect(Math.max(...apart)).toBeLessThan(20);
    expect(apart.filter((one) => one < 1).length).toBeGreaterThan(ENLARGED * 0.98);
  });

  it('keeps proportions, fills 20 pixels, centres the mass and reaches full ink', () => {
    fc.assert(
      fc.property(
        fc.record({
          left: fc.integer({ min: 0, max: 200 }),
          top: fc.integer({ min: 0, max: 200 }),
          width: fc.integer({ min: 20, max: 100 }),
          height: fc.integer({ min: 20, max: 100 }),
          ink: fc.integer({ min: 20, max: 255 }),
        }),
        ({ left, top, width, height, ink }) => {
          const values = new Float32Array(300 * 300);
          for (let y = top; y < top + height; y++) values.fill(ink, y * 300 + left, y * 300 + left + width);
          const pixels = toMnist({ width: 300, height: 300, values })!;
          const box = inkBox({ width: 28, height: 28, values: Float32Array.from(pixels) })!;
          const [w, h] = [box.right - box.left, box.bottom - box.top];
          expect(Math.max(w, h)).toBe(20);
          expect(Math.abs((w / h) * (height / width) - 1)).toBeLessThan(0.16);
          expect(Math.abs((box.left + box.right - 1) / 2 - 14)).toBeLessThanOrEqual(0.5);
          expect(Math.abs((box.top + box.bottom - 1) / 2 - 14)).toBeLessThanOrEqual(0.5);
          expect(Math.max(...pixels)).toBe(255);
        },
      ),
    );
  });

  it('finds nothing in an empty picture', () => {
    expect(toMnist({ width: 5, height: 5, values: new Float32Array(25) })).toBeNull();
  });

  it('draws a single pixel as a full block and never leaves the frame', () => {
    const values = new Float32Array(100);
    values[99] = 255;
    const pixels = toMnist({ width: 10, height: 10, values })!;
    expect(pixels.reduce((sum, value) => sum + value, 0)).toBe(400 * 255);
  });
});

describe('resampleArea', () => {
  it('keeps the mean of any picture', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 30 }),
        fc.infiniteStream(fc.integer({ min: 0, max: 255 })),
        (width, height, newWidth, newHeight, stream) => {
          const values = Float32Array.from({ length: width * height }, () => stream.next().value as number);
          const box = { left: 0, top: 0, right: width, bottom: height };
          const scaled = resampleArea({ width, height, values }, box, newWidth, newHeight);
          const mean = (array: Float32Array) => array.reduce((sum, v) => sum + v, 0) / array.length;
          expect(mean(scaled.values)).toBeCloseTo(mean(values), 2);
        },
      ),
    );
  });
});

describe('pictures', () => {
  it.each<[string, (grey: number) => number]>([
    ['light on dark', (grey) => grey],
    ['dark on light', (grey) => 255 - grey],
    ['pencil on grey paper', (grey) => 200 - grey * 0.4],
    ['chalk on a board', (grey) => 40 + grey * 0.5],
  ])('reads a digit that is %s', (_, paper) => {
    for (const digit of digits.slice(0, 40)) {
      const picture = enlarge(digit, 4, paper);
      const grey = greyFromRgba(greyToRgba(picture), picture.width, picture.height);
      const pixels = toMnist(inkFromGrey(grey))!;
      // The stretch hardens edges a little; the digit is the same.
      expect(difference(pixels, digit)).toBeLessThan(26);
    }
  });

  it('drops specks far from the digit', () => {
    const picture = enlarge(digits[0]!, 4, (grey) => 255 - grey);
    const clean = toMnist(inkFromGrey(picture))!;
    picture.values[112 * 3 + 3] = 0;
    picture.values[112 * 108 + 108] = 0;
    expect(toMnist(inkFromGrey(picture))).toEqual(clean);
  });

  it('sees nothing on a blank page, whatever its tone', () => {
    for (const tone of [0, 90, 255]) {
      const blank = { width: 30, height: 20, values: new Float32Array(600).fill(tone) };
      expect(toMnist(inkFromGrey(blank))).toBeNull();
    }
  });

  it('treats transparent pixels as paper', () => {
    const rgba = new Uint8ClampedArray(4 * 4);
    rgba[7] = 255;
    expect([...greyFromRgba(rgba, 2, 2).values]).toEqual([255, 0, 255, 255]);
    expect([...inkFromAlpha(rgba, 2, 2).values]).toEqual([0, 255, 0, 0]);
  });
});

describe('toModelInput', () => {
  it('divides as the manifest says', () => {
    expect([...toModelInput(Uint8Array.of(0, 51, 255), 255)]).toEqual([0, Math.fround(0.2), 1]);
  });
});
