/** The drawing pad: pointer and keyboard to strokes, strokes to ink. The ink on the canvas is the digit's source. */
import {
  type KeyboardEvent,
  type PointerEvent,
  type RefObject,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';
import { type ColourScheme, useColourScheme } from '../../components/use-colour-scheme.js';
import { useAppStore } from '../../stores/app-store.js';
import type { Digit, DigitSource, InkPoint } from '../../stores/digit-slice.js';
import { drawAhead, drawStroke, finishStroke, isFarEnough, STROKE_WIDTH } from './ink.js';
import { pointsOf } from './pointer-points.js';
import { readDrawing } from './read-drawing.js';

/** Side of the canvas in its own pixels: sharp on any screen, small enough to read back in a millisecond. */
export const PAD_PIXELS = 560;
/** How far an arrow key moves the keyboard's pen, in pad widths. */
const KEY_STEP = 0.035;
const ARROWS: Record<string, readonly [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export interface KeyboardPen {
  readonly x: number;
  readonly y: number;
  readonly down: boolean;
}

/** @param ahead lies over the canvas and shows ink that is not there yet: between the last sure point and the pen's tip */
export function usePad(
  canvas: RefObject<HTMLCanvasElement | null>,
  ahead: RefObject<HTMLCanvasElement | null>,
) {
  const store = useAppStore.getState();
  const { addStroke, setDigit } = store;
  const source = useAppStore((state) => state.source);
  const scheme = useColourScheme();
  const stroke = useRef<InkPoint[] | null>(null);
  /** What was there when the stroke began. */
  const before = useRef<Digit | null>(null);
  const shown = useRef<{ source: DigitSource; scheme: ColourScheme } | null>(null);
  const frame = useRef(0);
  const [pen, setPen] = useState<KeyboardPen | null>(null);

  // Before other effects: they read the canvas.
  useLayoutEffect(() => {
    const context = padContext(canvas.current);
    if (context === null) return;
    // What the pen has just drawn is there already.
    if (shown.current?.source === source && shown.current.scheme === scheme) return;
    drawSource(context, source);
    shown.current = { source, scheme };
  }, [canvas, source, scheme]);

  useEffect(() => () => cancelAnimationFrame(frame.current), []);

  // Although the pad does not scroll, Chromium takes a quick stroke of a finger for a fling, and the next tap, be it on
  // Undo, for the one that stops it: the button hears nothing. React's own listeners are passive and cannot say no.
  useEffect(() => {
    const pad = canvas.current;
    pad?.addEventListener('touchmove', preventFling, { passive: false });
    return () => pad?.removeEventListener('touchmove', preventFling);
  }, [canvas]);

  /** The strokes so far, with the one that is being drawn. */
  const strokesWith = (current: readonly InkPoint[]) => {
    const from = useAppStore.getState().source;
    return from.kind === 'drawing' ? [...from.strokes, current] : [current];
  };

  /** Shows what the model would see, once a frame. */
  const readSoon = () => {
    cancelAnimationFrame(frame.current);
    frame.current = requestAnimationFrame(() => {
      const context = padContext(canvas.current);
      if (context === null || stroke.current === null) return;
      const read = readDrawing(context, PAD_PIXELS, strokesWith(stroke.current));
      if (read !== null) setDigit({ ...read, complete: false, source: useAppStore.getState().source });
    });
  };

  const extend = (points: readonly InkPoint[], predicted: readonly InkPoint[] = []) => {
    const context = padContext(canvas.current);
    const current = stroke.current;
    if (context === null || current === null) return;
    for (const point of points) {
      if (!isFarEnough(current.at(-1), point)) continue;
      current.push(point);
      drawStroke(context, PAD_PIXELS, current, current.length - 1);
    }
    showAhead(context, current, predicted);
    readSoon();
  };

  const showAhead = (
    pad: CanvasRenderingContext2D,
    current: readonly InkPoint[],
    predicted: readonly InkPoint[],
  ) => {
    const context = ahead.current?.getContext('2d');
    if (!context) return;
    context.clearRect(0, 0, PAD_PIXELS, PAD_PIXELS);
    context.strokeStyle = pad.strokeStyle;
    drawAhead(context, PAD_PIXELS, current, predicted);
  };

  const begin = (point: InkPoint) => {
    const context = padContext(canvas.current);
    if (context === null) return;
    // A test digit or a picture gives way to the first stroke.
    if (useAppStore.getState().source.kind !== 'drawing')
      drawSource(context, { kind: 'drawing', strokes: [] });
    stroke.current = [];
    before.current = useAppStore.getState().digit;
    extend([point]);
  };

  /** Takes back the stroke that is being drawn. @returns whether there was one */
  const abandon = (): boolean => {
    const context = padContext(canvas.current);
    if (stroke.current === null || context === null) return false;
    stroke.current = null;
    cancelAnimationFrame(frame.current);
    ahead.current?.getContext('2d')?.clearRect(0, 0, PAD_PIXELS, PAD_PIXELS);
    drawSource(context, useAppStore.getState().source);
    setDigit(before.current);
    setPen((last) => last && { ...last, down: false });
    return true;
  };

  const undo = () => {
    if (!abandon()) store.undo();
  };

  const clear = () => {
    abandon();
    store.clear();
  };

  const end = () => {
    const finished = stroke.current;
    const context = padContext(canvas.current);
    if (finished === null || context === null) return;
    stroke.current = null;
    cancelAnimationFrame(frame.current);
    finishStroke(context, PAD_PIXELS, finished);
    ahead.current?.getContext('2d')?.clearRect(0, 0, PAD_PIXELS, PAD_PIXELS);
    // First of all: whoever asks the workers does so in here.
    addStroke(finished, readDrawing(context, PAD_PIXELS, strokesWith(finished)));
    shown.current = { source: useAppStore.getState().source, scheme };
  };

  const moveKeyboardPen = (dx: number, dy: number) => {
    const from = pen ?? { x: 0.5, y: 0.5, down: false };
    const next = { ...from, x: clamp(from.x + dx * KEY_STEP), y: clamp(from.y + dy * KEY_STEP) };
    setPen(next);
    if (next.down) extend([{ x: next.x, y: next.y, width: STROKE_WIDTH }]);
  };

  const toggleKeyboardPen = () => {
    const from = pen ?? { x: 0.5, y: 0.5, down: false };
    if (from.down) end();
    else begin({ x: from.x, y: from.y, width: STROKE_WIDTH });
    setPen({ ...from, down: !from.down });
  };

  const handlers = {
    onPointerDown({ nativeEvent, currentTarget }: PointerEvent<HTMLCanvasElement>) {
      if (nativeEvent.button !== 0 || !nativeEvent.isPrimary) return;
      currentTarget.setPointerCapture(nativeEvent.pointerId);
      setPen(null);
      begin(pointsOf(nativeEvent, currentTarget.getBoundingClientRect()).sure[0]!);
    },
    onPointerMove({ nativeEvent, currentTarget }: PointerEvent<HTMLCanvasElement>) {
      if (stroke.current === null || !nativeEvent.isPrimary) return;
      const { sure, predicted } = pointsOf(nativeEvent, currentTarget.getBoundingClientRect());
      extend(sure, predicted);
    },
    onPointerUp: end,
    onPointerCancel: end,
    onKeyDown(event: KeyboardEvent<HTMLCanvasElement>) {
      const arrow = ARROWS[event.key];
      if (arrow) moveKeyboardPen(...arrow);
      else if (event.key === ' ') toggleKeyboardPen();
      else if (event.key === 'z' && (event.ctrlKey || event.metaKey)) undo();
      else if (event.key === 'Delete' || event.key === 'Backspace') clear();
      else return;
      event.preventDefault();
    },
    onBlur() {
      end();
      setPen(null);
    },
  };
  return { handlers, undo, clear, pen, isEmpty: source.kind === 'drawing' && source.strokes.length === 0 };
}

/** The pad is read back in every frame while it is drawn on, so it stays where that is quick. */
export function padContext(canvas: HTMLCanvasElement | null): CanvasRenderingContext2D | null {
  return canvas?.getContext('2d', { willReadFrequently: true }) ?? null;
}

function preventFling(event: TouchEvent): void {
  if (event.cancelable) event.preventDefault();
}

/** Everything anew: after undo, clear, a change of theme or of source. */
function drawSource(context: CanvasRenderingContext2D, source: DigitSource): void {
  const ink = getComputedStyle(context.canvas).color;
  context.clearRect(0, 0, PAD_PIXELS, PAD_PIXELS);
  context.strokeStyle = ink;
  if (source.kind === 'drawing') {
    for (const stroke of source.strokes) {
      drawStroke(context, PAD_PIXELS, stroke);
      finishStroke(context, PAD_PIXELS, stroke);
    }
  } else if (source.kind === 'sample') {
    const cell = PAD_PIXELS / 28;
    context.fillStyle = ink;
    source.pixels.forEach((value, index) => {
      context.globalAlpha = value / 255;
      context.fillRect((index % 28) * cell, Math.floor(index / 28) * cell, cell, cell);
    });
    context.globalAlpha = 1;
  } else {
    const { width, height } = source.bitmap;
    const scale = Math.min(PAD_PIXELS / width, PAD_PIXELS / height);
    const [w, h] = [width * scale, height * scale];
    context.drawImage(source.bitmap, (PAD_PIXELS - w) / 2, (PAD_PIXELS - h) / 2, w, h);
  }
}

function clamp(value: number): number {
  return Math.min(0.96, Math.max(0.04, value));
}
