import { describe, expect, it } from 'vitest';
import { STROKE_WIDTH } from './ink.js';
import { pointsOf } from './pointer-points.js';

const BOX = { left: 100, top: 50, width: 200, height: 200 };
const at = (clientX: number, clientY: number, more: object = {}) =>
  ({ clientX, clientY, pointerType: 'mouse', pressure: 0.5, ...more }) as unknown as PointerEvent;
const point = (x: number, y: number) => ({ x, y, width: STROKE_WIDTH });

describe('pointsOf', () => {
  it('gives all that was put together in an event, and where the pointer is expected', () => {
    const event = at(200, 150, {
      getCoalescedEvents: () => [at(150, 100), at(200, 150)],
      getPredictedEvents: () => [at(250, 200)],
    });
    expect(pointsOf(event, BOX)).toEqual({
      sure: [point(0.25, 0.25), point(0.5, 0.5)],
      predicted: [point(0.75, 0.75)],
    });
  });

  it.each([
    ['tells neither', {}],
    ['tells nothing by them', { getCoalescedEvents: () => [], getPredictedEvents: () => [] }],
  ])('gives the event itself where a browser %s', (_, more) => {
    expect(pointsOf(at(200, 150, more), BOX)).toEqual({ sure: [point(0.5, 0.5)], predicted: [] });
  });
});
