/**
 * The points of one pointer event: all that a browser has put together in it since the last frame, and where it expects
 * the pointer to go next (Pointer Events, level 3). Browsers that offer neither give the event's own point.
 */
import type { InkPoint } from '../../stores/digit-slice.js';
import { strokeWidth } from './ink.js';

export interface PointerPoints {
  /** At least one, in order. */
  readonly sure: readonly InkPoint[];
  readonly predicted: readonly InkPoint[];
}

/** @param box the pad on the screen */
export function pointsOf(
  event: globalThis.PointerEvent,
  box: Pick<DOMRect, 'left' | 'top' | 'width' | 'height'>,
): PointerPoints {
  const pointOf = (one: globalThis.PointerEvent): InkPoint => ({
    x: (one.clientX - box.left) / box.width,
    y: (one.clientY - box.top) / box.height,
    width: strokeWidth(one.pointerType, one.pressure),
  });
  const coalesced = event.getCoalescedEvents?.() ?? [];
  return {
    sure: (coalesced.length > 0 ? coalesced : [event]).map(pointOf),
    predicted: (event.getPredictedEvents?.() ?? []).map(pointOf),
  };
}
