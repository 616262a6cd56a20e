/** Keeps the store's digit in step with its source where that changed by other means than the pen. */
import { type RefObject, useEffect, useRef } from 'react';
import { useEngine } from '../../app/engine-context.js';
import type { Engine } from '../../compute/engine.js';
import { useAppStore } from '../../stores/app-store.js';
import type { DigitSource } from '../../stores/digit-slice.js';
import { rawPictureOf } from './load-picture.js';
import { readDrawing } from './read-drawing.js';
import { PAD_PIXELS, padContext } from './use-pad.js';

type Picture = Extract<DigitSource, { kind: 'picture' }>;

export function useDigit(canvas: RefObject<HTMLCanvasElement | null>): void {
  const engine = useEngine();
  const source = useAppStore((state) => state.source);
  const latest = useRef<DigitSource>(source);

  useEffect(() => {
    latest.current = source;
    const { digit, setDigit } = useAppStore.getState();
    // Test digits come prepared, and so do drawings as the pen is lifted, and what was there before another page was looked at.
    if (source.kind === 'sample' || (digit?.complete === true && digit.source === source)) return;
    if (source.kind === 'drawing') {
      const context = padContext(canvas.current);
      const read = context === null ? null : readDrawing(context, PAD_PIXELS, source.strokes);
      setDigit(read === null ? null : { ...read, complete: true, source });
    } else if (engine !== null) {
      // A newer source must not be overtaken by this one.
      void preparePicture(engine, source, () => latest.current === source);
    }
  }, [source, engine, canvas]);
}

/** Photographs take their time, so they are prepared in the compute worker. */
async function preparePicture(engine: Engine, source: Picture, isLatest: () => boolean): Promise<void> {
  const picture = rawPictureOf(source.bitmap);
  if (picture === null) return;
  const start = performance.now();
  const pixels = await engine.prepare(picture).catch(() => null);
  if (!isLatest()) return;
  const { setDigit, setPictureProblem } = useAppStore.getState();
  setDigit(pixels === null ? null : { pixels, prepareMs: performance.now() - start, complete: true, source });
  if (pixels === null) {
    setPictureProblem('There is no digit to be seen in this picture: it is all of one tone.');
  }
}
