/** Keeps the store's digit in step with its source: every drawing and picture is prepared in the compute worker. */
import { type RefObject, useCallback, useEffect, useRef } from 'react';
import { useEngine } from '../../app/engine-context.js';
import type { RawPicture } from '../../compute/worker/messages.js';
import { useAppStore } from '../../stores/app-store.js';
import type { DigitSource } from '../../stores/digit-slice.js';
import { rawPictureOf } from './load-picture.js';
import { PAD_PIXELS } from './use-pad.js';

/** @returns to be called while a stroke grows: updates the small picture, at most once a frame */
export function useDigit(canvas: RefObject<HTMLCanvasElement | null>): () => void {
  const engine = useEngine();
  const source = useAppStore((state) => state.source);
  const latest = useRef(0);
  const frame = useRef(0);

  const prepare = useCallback(
    async (picture: RawPicture, complete: boolean) => {
      const from = useAppStore.getState().source;
      if (engine === null) return;
      const serial = ++latest.current;
      const start = performance.now();
      const pixels = await engine.prepare(picture).catch(() => null);
      // A newer picture is on its way: this one must not overtake it.
      if (serial !== latest.current) return;
      const { setDigit, setPictureProblem } = useAppStore.getState();
      const prepareMs = performance.now() - start;
      setDigit(pixels === null ? null : { pixels, prepareMs, complete, source: from });
      if (pixels === null && picture.kind === 'picture') {
        setPictureProblem('There is no digit to be seen in this picture: it is all of one tone.');
      }
    },
    [engine],
  );

  useEffect(() => {
    cancelAnimationFrame(frame.current);
    const { digit, setDigit } = useAppStore.getState();
    // Test digits come prepared, and so does what was prepared before another page was looked at.
    if (source.kind === 'sample' || (digit?.complete === true && digit.source === source)) {
      latest.current++;
      return;
    }
    if (isEmpty(source)) {
      latest.current++;
      setDigit(null);
      return;
    }
    const picture = source.kind === 'picture' ? rawPictureOf(source.bitmap) : drawingOf(canvas.current);
    if (picture !== null) void prepare(picture, true);
  }, [source, prepare, canvas]);

  return useCallback(() => {
    cancelAnimationFrame(frame.current);
    frame.current = requestAnimationFrame(() => {
      const picture = drawingOf(canvas.current);
      if (picture !== null) void prepare(picture, false);
    });
  }, [prepare, canvas]);
}

function isEmpty(source: DigitSource): boolean {
  return source.kind === 'drawing' && source.strokes.length === 0;
}

function drawingOf(canvas: HTMLCanvasElement | null): RawPicture | null {
  const context = canvas?.getContext('2d', { willReadFrequently: true });
  if (!context) return null;
  const { data } = context.getImageData(0, 0, PAD_PIXELS, PAD_PIXELS);
  return {
    kind: 'drawing',
    width: PAD_PIXELS,
    height: PAD_PIXELS,
    rgba: data as Uint8ClampedArray<ArrayBuffer>,
  };
}
