import { describe, expect, it, vi } from 'vitest';
import { drawAhead, drawStroke, finishStroke, isFarEnough, STROKE_WIDTH, strokeWidth } from './ink.js';

describe('strokeWidth', () => {
  it('follows the pressure of a pen and of nothing else', () => {
    expect(strokeWidth('mouse', 0.5)).toBe(STROKE_WIDTH);
    expect(strokeWidth('touch', 1)).toBe(STROKE_WIDTH);
    expect(strokeWidth('pen', 0)).toBeLessThan(strokeWidth('pen', 0.5));
    expect(strokeWidth('pen', 0.5)).toBeLessThan(strokeWidth('pen', 1));
    expect(strokeWidth('pen', 7)).toBe(strokeWidth('pen', 1));
  });
});

describe('isFarEnough', () => {
  it('takes the first point and drops those on top of the last one', () => {
    const point = { x: 0.5, y: 0.5, width: 0.1 };
    expect(isFarEnough(undefined, point)).toBe(true);
    expect(isFarEnough(point, { ...point, x: 0.501 })).toBe(false);
    expect(isFarEnough(point, { ...point, x: 0.51 })).toBe(true);
  });
});

describe('drawStroke', () => {
  function recorder() {
    const pieces: { from: number[]; to: number[] }[] = [];
    let from: number[] = [];
    const context = {
      beginPath: vi.fn(),
      stroke: vi.fn(),
      moveTo: (...at: number[]) => {
        from = at;
      },
      quadraticCurveTo: (_cx: number, _cy: number, ...to: number[]) => pieces.push({ from, to }),
      lineTo: (...to: number[]) => pieces.push({ from, to }),
    };
    return { context: context as unknown as CanvasRenderingContext2D, pieces };
  }

  const stroke = [0.1, 0.3, 0.4, 0.8].map((x, index) => ({ x, y: x * x, width: 0.05 + index / 100 }));

  it('joins its pieces without a gap from the first point to the last', () => {
    const { context, pieces } = recorder();
    drawStroke(context, 100, stroke);
    finishStroke(context, 100, stroke);
    expect(pieces[0]!.from).toEqual([10, expect.closeTo(1)]);
    expect(pieces.at(-1)!.to).toEqual([80, expect.closeTo(64)]);
    pieces.slice(1).forEach((piece, index) => {
      expect(piece.from).toEqual(pieces[index]!.to);
    });
  });

  it('gives the same ink whether drawn point by point or at once', () => {
    const once = recorder();
    drawStroke(once.context, 100, stroke);
    const growing = recorder();
    stroke.forEach((_, index) => {
      drawStroke(growing.context, 100, stroke.slice(0, index + 1), index);
    });
    expect(growing.pieces).toEqual(once.pieces);
  });

  it('goes on without a gap to the tip of the pen, and to where it is expected', () => {
    const sure = stroke.slice(0, 3);
    const drawn = recorder();
    drawStroke(drawn.context, 100, sure);
    const end = drawn.pieces.at(-1)!.to;
    const ahead = recorder();
    drawAhead(ahead.context, 100, sure, [stroke[3]!]);
    expect(ahead.pieces[0]!.from).toEqual(end);
    expect(ahead.pieces.at(-1)!.to).toEqual([80, expect.closeTo(64)]);
    const tip = recorder();
    drawAhead(tip.context, 100, sure, []);
    expect(tip.pieces).toEqual([{ from: end, to: [40, expect.closeTo(16)] }]);
  });
});
