import { useEffect, useRef } from 'react';
import { paintSoon } from './paint-soon.js';
import { useColourScheme } from './use-colour-scheme.js';

interface PixelCanvasProps {
  readonly width: number;
  readonly height: number;
  /** One value per pixel: the ink's opacity, 0 to 255; null leaves the canvas empty. */
  readonly values: Uint8Array | null;
  /** For screen readers; null for a picture that only repeats what words beside it say. */
  readonly label: string | null;
  /** Gives the ink as the CSS property `color`. */
  readonly className?: string | undefined;
}

/** Bytes as a picture, one pixel a byte, printed in one ink. */
export function PixelCanvas({ width, height, values, label, className }: PixelCanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const scheme = useColourScheme();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the computed colour depends on the scheme
  useEffect(
    () => paintSoon(() => paint(canvas.current, width, height, values)),
    [width, height, values, scheme],
  );
  const semantics = label === null ? { 'aria-hidden': true } : { role: 'img', 'aria-label': label };
  return <canvas ref={canvas} width={width} height={height} className={className} {...semantics} />;
}

function paint(
  element: HTMLCanvasElement | null,
  width: number,
  height: number,
  values: Uint8Array | null,
): void {
  const context = element?.getContext('2d');
  if (!element || !context) return;
  const mask = context.createImageData(width, height);
  const { data } = mask;
  // A loop, for contact sheets of a hundred thousand pixels.
  const count = values?.length ?? 0;
  for (let index = 0; index < count; index++) data[4 * index + 3] = values![index]!;
  context.putImageData(mask, 0, 0);
  context.globalCompositeOperation = 'source-in';
  context.fillStyle = getComputedStyle(element).color;
  context.fillRect(0, 0, width, height);
  context.globalCompositeOperation = 'source-over';
}
