/** The kernels of `securenn`: digits modulo 67 a byte each, and words modulo an odd number. */
import type { Kernels } from '@trivet/mpc-core';
import { align, type KernelCase, PLANE_WORDS, VALUES, words } from './case.js';

/** Bits that are compared, and so rows of digits. */
const ROWS = 41;
/** Digits of a row: whole vectors. */
const LANES = Math.ceil(VALUES / 16) * 16;
const DIGITS = ROWS * LANES;
const PLANES = align(8 * PLANE_WORDS * ROWS);
/** Some of the stream is rejected; so much is enough for the rows of a digit. */
const STREAM = 2 * DIGITS;
const ODD_BYTES = 6;

/** The area for a part of so many digits, and what else a call has, one after the other. */
function digits(
  name: string,
  unit: string,
  units: number,
  bound: number,
  because: string,
  run: (kernels: Kernels, area: (index: number) => number, planes: (index: number) => number) => void,
  prepare?: KernelCase['prepare'],
): KernelCase {
  const size = align(STREAM);
  return {
    name,
    unit,
    units,
    bound,
    because,
    bytes: () => 4 * size + 4 * PLANES,
    ...(prepare && { prepare }),
    run: (kernels, base) =>
      run(
        kernels,
        (index) => base + index * size,
        (index) => base + 4 * size + index * PLANES,
      ),
  };
}

export const SECURENN_CASES: readonly KernelCase[] = [
  digits('sampleDigits', 'byte', DIGITS, 1, 'one store a byte of the stream', (kernels, area) =>
    kernels.sampleDigits(area(1), area(0), DIGITS, DIGITS, 1),
  ),
  digits('sampleSwaps', 'byte', STREAM / 2, 6, 'a division of 32 bits', (kernels, area) =>
    kernels.sampleSwaps(area(2), area(0), STREAM / 2, ROWS, LANES),
  ),
  digits(
    'shareDigits',
    'digit',
    DIGITS,
    10 / 3 / 16,
    'ten vector operations for 16, three a cycle',
    (kernels, area, planes) => kernels.shareDigits(area(1), area(0), planes(0), ROWS, LANES, PLANE_WORDS),
  ),
  digits(
    'compareDigits',
    'digit',
    DIGITS,
    43 / 3 / 16,
    '43 vector operations for 16, three a cycle',
    (kernels, area, planes) =>
      kernels.compareDigits(
        area(3),
        area(0),
        planes(0),
        planes(1),
        planes(2),
        area(1),
        area(2),
        ROWS,
        LANES,
        PLANE_WORDS,
        true,
      ),
  ),
  digits(
    'permuteDigits',
    'digit',
    DIGITS,
    2,
    'two stores of a byte, one a cycle',
    (kernels, area) => kernels.permuteDigits(area(0), area(1), ROWS, LANES),
    // Partners are rows: what is random but no row would lead out of the memory.
    (kernels, base) => {
      const swaps = base + align(STREAM);
      for (let row = ROWS - 1, at = swaps; row > 0; row--, at += LANES) {
        for (let lane = 0; lane < LANES; lane++) kernels.memory.bytes[at + lane]! %= row + 1;
      }
    },
  ),
  digits(
    'zeroDigits',
    'digit',
    DIGITS,
    5 / 3 / 16,
    'five vector operations for 16, three a cycle',
    (kernels, area, planes) => kernels.zeroDigits(planes(0), area(0), area(1), ROWS, LANES, PLANE_WORDS),
  ),
  words('sampleOdd', 3, 'six loads of a byte, two a cycle', (kernels, c) =>
    kernels.sampleOdd(c(2), c(0), VALUES, VALUES, 8 * ODD_BYTES - 1),
  ),
  words('maskConvert', 1.5, 'three columns, one 16-byte store a cycle', (kernels, c) =>
    kernels.maskConvert(c(4), c(5), c(6), c(0), c(1), c(2), VALUES, ROWS, true),
  ),
  words('compareTargets', 0.5, 'one 16-byte store a cycle', (kernels, c) =>
    kernels.compareTargets(c(4), c(5), c(0), c(1), VALUES, ROWS, -1, PLANE_WORDS),
  ),
  words(
    'finishConvert',
    6.75,
    'four foldings of five operations and seven more, four a cycle',
    (kernels, c) => kernels.finishConvert(c(6), c(0), c(1), c(2), c(3), c(4), VALUES, ROWS, true),
  ),
  words('addOdd', 1.5, 'a folding of five operations and an addition, four a cycle', (kernels, c) =>
    kernels.addOdd(c(2), c(0), c(1), VALUES, ROWS),
  ),
  words('sumCarry', 0.5, 'one 16-byte store a cycle', (kernels, c) =>
    kernels.sumCarry(c(2), c(3), c(0), c(1), VALUES, ROWS, PLANE_WORDS),
  ),
  words('shareOdd', 2.5, 'a folding of five operations and five more, four a cycle', (kernels, c) =>
    kernels.shareOdd(c(2), c(0), c(1), VALUES, ROWS),
  ),
];
