import { describe, expect, it } from 'vitest';
import { formatBytes, formatDuration, formatMilliseconds, formatProbability } from './format.js';

describe('figures for people', () => {
  it.each([
    [0, '< 0.1 ms'],
    [0.414, '0.4 ms'],
    [9.96, '10 ms'],
    [999.7, '1.0 s'],
    [3.14, '3.1 ms'],
    [24.4, '24 ms'],
    [1340, '1.3 s'],
  ])('%d milliseconds', (milliseconds, text) => expect(formatMilliseconds(milliseconds)).toBe(text));

  it.each([
    [128, '128 B'],
    [12_544, '12,544 B'],
    [673_400, '673 kB'],
    [84_600_000, '84.6 MB'],
  ])('%d bytes', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it.each([
    [1, '100.0 %'],
    [0.99996, '> 99.9 %'],
    [0.5, '50.0 %'],
    [0.0001, '< 0.1 %'],
    [0, '0.0 %'],
  ])('probability %d', (probability, text) => expect(formatProbability(probability)).toBe(text));

  it.each([
    [42.7, '42 s'],
    [720, '12 min'],
    [11_100, '3 h 5 min'],
    [259_200, '3 days'],
  ])('%d seconds', (seconds, text) => expect(formatDuration(seconds)).toBe(text));
});
