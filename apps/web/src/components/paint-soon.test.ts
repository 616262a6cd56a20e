import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { paintSoon } from './paint-soon.js';

let clock = 0;
let painted: string[] = [];
const picture = (name: string, milliseconds = 5) =>
  paintSoon(() => {
    painted.push(name);
    clock += milliseconds;
  });

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(performance, 'now').mockImplementation(() => clock);
  painted = [];
});
afterEach(() => {
  vi.runAllTimers();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('paintSoon', () => {
  it('paints in order, later, and a few milliseconds at a time', () => {
    for (const name of ['a', 'b', 'c']) picture(name);
    expect(painted).toEqual([]);
    vi.advanceTimersToNextTimer();
    expect(painted).toEqual(['a', 'b']);
    vi.advanceTimersToNextTimer();
    expect(painted).toEqual(['a', 'b', 'c']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('leaves out what was called off', () => {
    picture('a', 0);
    const callOff = picture('b', 0);
    callOff();
    vi.runAllTimers();
    expect(painted).toEqual(['a']);
  });

  it('goes on after one that fails', () => {
    paintSoon(() => {
      throw new Error('no context');
    });
    picture('b', 0);
    expect(() => vi.advanceTimersToNextTimer()).toThrow('no context');
    vi.runAllTimers();
    expect(painted).toEqual(['b']);
  });
});
