/** Sheets of digits: MNIST cells side by side, or handwriting that is cut apart where there is no ink. */
import type { Box, GreyImage } from '../preprocess/grey-image.js';

const CELL = 28;
/** Grey below this is paper, however it was scanned. */
const FAINT = 64;
/** A picture is a grid only when the seams between its cells are paper, but for this part of the cells. */
const CROSSED_PART = 0.05;

/**
 * A picture made of 28x28 cells, as data sets are often shown: cells that are ready as they are. Empty ones are left
 * out, and dark ink on light paper is turned around.
 * @returns null when the picture is not such a grid
 */
export function gridCells({ width, height, values }: GreyImage): Uint8Array<ArrayBuffer>[] | null {
  if (width % CELL !== 0 || height % CELL !== 0) return null;
  const light = values.reduce((sum, value) => sum + value, 0) / values.length > 127;
  const cells: Uint8Array<ArrayBuffer>[] = [];
  for (let top = 0; top < height; top += CELL) {
    for (let left = 0; left < width; left += CELL) {
      const cell = Uint8Array.from({ length: CELL * CELL }, (_, index) => {
        const value = values[(top + Math.floor(index / CELL)) * width + left + (index % CELL)]!;
        return Math.round(light ? 255 - value : value);
      });
      if (cell.some((value) => value > FAINT)) cells.push(cell);
    }
  }
  const crossed = cells.filter((cell) => cell.some((value, index) => value > FAINT && isOnEdge(index)));
  return crossed.length <= cells.length * CROSSED_PART ? cells : null;
}

function isOnEdge(index: number): boolean {
  const [x, y] = [index % CELL, Math.floor(index / CELL)];
  return x === 0 || y === 0 || x === CELL - 1 || y === CELL - 1;
}

/** Gaps narrower than this part of a digit's height join the strokes of one digit. */
const JOIN_PART = 0.12;
/** Pieces lower than this part of the middle height are specks and commas. */
const LEAST_PART = 0.3;

/**
 * The digits of a page of handwriting: connected ink, with pieces that lie over each other joined, in reading order.
 * @param ink 0 is paper
 */
export function segmentDigits(ink: GreyImage): GreyImage[] {
  const boxes = joinOverlapping(componentBoxes(ink));
  const heights = boxes.map(heightOf).sort((a, b) => a - b);
  const middle = heights[Math.floor(heights.length / 2)] ?? 0;
  const digits = boxes.filter((box) => heightOf(box) >= middle * LEAST_PART);
  return inReadingOrder(digits).map((box) => crop(ink, box));
}

const heightOf = ({ top, bottom }: Box) => bottom - top;

/** Boxes of the 8-connected components. */
function componentBoxes({ width, height, values }: GreyImage): Box[] {
  const seen = new Uint8Array(values.length);
  const boxes: Box[] = [];
  const stack: number[] = [];
  for (let start = 0; start < values.length; start++) {
    if (seen[start] === 1 || values[start]! <= 0) continue;
    let [left, right, top, bottom] = [width, 0, height, 0];
    seen[start] = 1;
    stack.push(start);
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      const x = at % width;
      const y = (at - x) / width;
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y + 1);
      for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++) {
        for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
          const next = ny * width + nx;
          if (seen[next] === 1 || values[next]! <= 0) continue;
          seen[next] = 1;
          stack.push(next);
        }
      }
    }
    boxes.push({ left, right, top, bottom });
  }
  return boxes;
}

/** Joins boxes that share most of their columns and nearly touch, as the bar and the stem of a 5 do. */
function joinOverlapping(boxes: readonly Box[]): Box[] {
  const joined: Box[] = [...boxes].sort((a, b) => a.left - b.left);
  for (let again = true; again; ) {
    again = false;
    for (let i = 0; i < joined.length && !again; i++) {
      for (let j = i + 1; j < joined.length && !again; j++) {
        const [a, b] = [joined[i]!, joined[j]!];
        if (b.left > a.right) break;
        if (!belongTogether(a, b)) continue;
        joined.splice(j, 1);
        joined[i] = union(a, b);
        joined.sort((one, other) => one.left - other.left);
        again = true;
      }
    }
  }
  return joined;
}

function belongTogether(a: Box, b: Box): boolean {
  const columns = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const narrower = Math.min(a.right - a.left, b.right - b.left);
  const gap = Math.max(a.top, b.top) - Math.min(a.bottom, b.bottom);
  return columns >= narrower / 2 && gap <= JOIN_PART * Math.max(heightOf(a), heightOf(b));
}

function union(a: Box, b: Box): Box {
  return {
    left: Math.min(a.left, b.left),
    right: Math.max(a.right, b.right),
    top: Math.min(a.top, b.top),
    bottom: Math.max(a.bottom, b.bottom),
  };
}

/** Lines from top to bottom, each from left to right: a box belongs to the line whose middle it covers. */
function inReadingOrder(boxes: readonly Box[]): Box[] {
  const lines: { boxes: Box[]; extent: Box }[] = [];
  for (const box of boxes.toSorted((a, b) => a.top - b.top)) {
    const middle = (box.top + box.bottom) / 2;
    const line = lines.find(({ extent }) => middle > extent.top && middle < extent.bottom);
    if (line === undefined) lines.push({ boxes: [box], extent: box });
    else line.boxes.push(box);
  }
  return lines.flatMap((line) => line.boxes.sort((a, b) => a.left - b.left));
}

function crop({ width, values }: GreyImage, box: Box): GreyImage {
  const [w, h] = [box.right - box.left, heightOf(box)];
  const cut = new Float32Array(w * h);
  for (let y = 0; y < h; y++) {
    const from = (box.top + y) * width + box.left;
    cut.set(values.subarray(from, from + w), y * w);
  }
  return { width: w, height: h, values: cut };
}
