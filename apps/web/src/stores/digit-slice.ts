/** The digit at hand: where it came from and the 784 grey values that the model will see. */
import type { SetSlice } from './slice.js';

/** A point of a stroke; x and y from 0 to 1 over the pad, width in pad widths. */
export interface InkPoint {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

export type Stroke = readonly InkPoint[];

export type DigitSource =
  | { readonly kind: 'drawing'; readonly strokes: readonly Stroke[] }
  | { readonly kind: 'sample'; readonly index: number; readonly label: number; readonly pixels: Uint8Array }
  | { readonly kind: 'picture'; readonly name: string; readonly bitmap: ImageBitmap };

export interface Digit {
  readonly pixels: Uint8Array;
  /** Milliseconds that the preparation took; null for test digits, which are prepared already. */
  readonly prepareMs: number | null;
  /** False while a stroke is still being drawn: such a digit is shown, and asked about only when the pen rests. */
  readonly complete: boolean;
  /** What it was prepared from. */
  readonly source: DigitSource;
}

/** A drawing as the model will see it, and the milliseconds that it took to make. */
export type ReadDrawing = Pick<Digit, 'pixels'> & { readonly prepareMs: number };

export interface DigitSlice {
  readonly source: DigitSource;
  readonly digit: Digit | null;
  /** Why the last picture could not be used, as a sentence. */
  readonly pictureProblem: string | null;
  /**
   * Adds to the drawing; on top of a test digit or a picture it starts a new one.
   * @param read what the drawing is with it: in the same change, so that it can be asked about before anything is rendered
   */
  addStroke(stroke: Stroke, read: ReadDrawing | null): void;
  /** Takes back the last stroke, or the test digit or picture. */
  undo(): void;
  clear(): void;
  showSource(source: DigitSource): void;
  setDigit(digit: Digit | null): void;
  setPictureProblem(problem: string | null): void;
}

const EMPTY: DigitSource = { kind: 'drawing', strokes: [] };

export const createDigitSlice = (set: SetSlice<DigitSlice>): DigitSlice => ({
  source: EMPTY,
  digit: null,
  pictureProblem: null,
  addStroke: (stroke, read) =>
    set((state) => {
      const earlier = state.source.kind === 'drawing' ? state.source.strokes : [];
      const source: DigitSource = { kind: 'drawing', strokes: [...earlier, stroke] };
      const digit = read === null ? null : { ...read, complete: true, source };
      return { source, digit, pictureProblem: null };
    }),
  undo: () =>
    set(({ source }) => ({
      source: source.kind === 'drawing' ? { kind: 'drawing', strokes: source.strokes.slice(0, -1) } : EMPTY,
    })),
  clear: () => set({ source: EMPTY, digit: null, pictureProblem: null }),
  showSource: (source) =>
    set({
      source,
      pictureProblem: null,
      // Test digits are prepared already, and may be shown on pages without a pad.
      ...(source.kind === 'sample'
        ? { digit: { pixels: source.pixels, prepareMs: null, complete: true, source } }
        : {}),
    }),
  setDigit: (digit) => set({ digit }),
  setPictureProblem: (pictureProblem) => set({ pictureProblem }),
});
