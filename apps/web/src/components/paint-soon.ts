/**
 * Work that may wait a moment, done a few milliseconds at a time: a page of pictures, all painted at once, would keep
 * everything else waiting.
 */
const SLICE_MS = 8;

const waiting = new Set<() => void>();
let scheduled = false;

/** @returns a function that calls it off */
export function paintSoon(work: () => void): () => void {
  waiting.add(work);
  schedule();
  return () => waiting.delete(work);
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  setTimeout(paint);
}

function paint(): void {
  scheduled = false;
  const start = performance.now();
  for (const work of waiting) {
    waiting.delete(work);
    // Whatever becomes of this one, the others have their turn.
    if (waiting.size > 0) schedule();
    work();
    if (performance.now() - start >= SLICE_MS) return;
  }
}
