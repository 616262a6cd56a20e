/** The drawing pad: pointer and keyboard to strokes, strokes to ink. The picture on the canvas is the digit's source. */
import {
  type KeyboardEvent,
  type PointerEvent,
  type RefObject,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';
import { useColourScheme } from '../../components/use-colour-scheme.js';
import { useAppStore } from '../../stores/app-store.js';
import type { DigitSource, InkPoint } from '../../stores/digit-slice.js';
import { drawStroke, finishStroke, isFarEnough, STROKE_WIDTH, strokeWidth } from './ink.js';

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

/** @param onInk called while a stroke grows */
export function usePad(canvas: RefObject<HTMLCanvasElement | null>, onInk: () => void) {
  const { addStroke, undo, clear } = useAppStore.getState();
  const source = useAppStore((state) => state.source);
  const scheme = useColourScheme();
  const stroke = useRef<InkPoint[] | null>(null);
  const [pen, setPen] = useState<KeyboardPen | null>(null);

  // Before other effects: they read the canvas.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the ink's colour depends on the scheme
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d', { willReadFrequently: true });
    if (context) drawSource(context, source);
  }, [canvas, source, scheme]);

  const extend = (points: readonly InkPoint[]) => {
    const context = canvas.current?.getContext('2d', { willReadFrequently: true });
    const current = stroke.current;
    if (!context || current === null) return;
    for (const point of points) {
      if (!isFarEnough(current.at(-1), point)) continue;
      current.push(point);
      drawStroke(context, PAD_PIXELS, current, current.length - 1);
    }
    onInk();
  };

  const begin = (point: InkPoint) => {
    const context = canvas.current?.getContext('2d', { willReadFrequently: true });
    if (!context) return;
    // A test digit or a picture gives way to the first stroke.
    if (useAppStore.getState().source.kind !== 'drawing')
      drawSource(context, { kind: 'drawing', strokes: [] });
    stroke.current = [];
    extend([point]);
    finishStroke(context, PAD_PIXELS, stroke.current);
  };

  const end = () => {
    if (stroke.current === null) return;
    const finished = stroke.current;
    stroke.current = null;
    addStroke(finished);
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
    onPointerDown(event: PointerEvent<HTMLCanvasElement>) {
      if (event.button !== 0 || !event.isPrimary) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      setPen(null);
      begin(pointOf(event.nativeEvent, event.currentTarget));
    },
    onPointerMove(event: PointerEvent<HTMLCanvasElement>) {
      if (stroke.current === null || !event.isPrimary) return;
      const { nativeEvent, currentTarget } = event;
      const events = nativeEvent.getCoalescedEvents?.() ?? [];
      const all = events.length > 0 ? events : [nativeEvent];
      extend(all.map((one) => pointOf(one, currentTarget)));
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
  return { handlers, pen, isEmpty: source.kind === 'drawing' && source.strokes.length === 0 };
}

function pointOf(event: globalThis.PointerEvent, element: HTMLElement): InkPoint {
  const box = element.getBoundingClientRect();
  return {
    x: (event.clientX - box.left) / box.width,
    y: (event.clientY - box.top) / box.height,
    width: strokeWidth(event.pointerType, event.pressure),
  };
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
