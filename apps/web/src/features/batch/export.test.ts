import { describe, expect, it } from 'vitest';
import { NO_LABEL } from '../../compute/batch/messages.js';
import { type BatchResults, scoreOf, UNANSWERED } from '../../stores/batch-slice.js';
import { csvOf, jsonOf } from './export.js';

const results: BatchResults = {
  classes: Uint8Array.of(7, 2, UNANSWERED, 1),
  confidences: Float32Array.of(0.5, 0.25, 0, 1),
  logits: Float32Array.from({ length: 40 }, (_, index) => index / 4),
};
const labels = Uint8Array.of(7, 3, 4, NO_LABEL);
const data = {
  pictures: {
    pixels: new Uint8Array(4 * 784),
    count: 4,
    labels,
    names: ['a.png', 'say "b", ok.png', 'c.png', '=1+1.png'],
    problems: [],
  },
  results,
  summary: null,
  score: scoreOf(labels, results),
  elapsedMs: 12.6,
};

describe('scoreOf', () => {
  it('judges what is answered and labelled', () => {
    const { judged, correct, wrong, confusion } = data.score;
    expect({ judged, correct, wrong }).toEqual({ judged: 2, correct: 1, wrong: [1] });
    expect([confusion[77], confusion[32], confusion.reduce((a, b) => a + b)]).toEqual([1, 1, 2]);
  });

  it('has nothing to say without labels', () => {
    expect(scoreOf(null, results).judged).toBe(0);
  });
});

describe('exports', () => {
  it('writes a row for each answer, and no formula from a file name', async () => {
    const lines = (await (await csvOf(data)).text()).trim().split('\r\n');
    expect(lines).toHaveLength(4);
    expect(lines[0]).toMatch(/^index,name,label,answer,correct,confidence,logit_0,.*logit_9$/);
    expect(lines[1]).toMatch(/^0,"a.png",7,7,true,0.500000,0.000000,0.250000/);
    expect(lines[2]).toMatch(/^1,"say ""b"", ok.png",3,2,false,/);
    expect(lines[3]).toMatch(/^3,"'=1\+1.png",,1,,1.000000/);
  });

  it('writes the same as JSON', async () => {
    const json = JSON.parse(await (await jsonOf(data)).text());
    expect(json).toMatchObject({ accuracy: 0.5, judged: 2, correct: 1, milliseconds: 13 });
    expect(json.confusion[3][2]).toBe(1);
    expect(json.results.map((row: { index: number }) => row.index)).toEqual([0, 1, 3]);
    expect(json.results[1]).toMatchObject({ label: 3, answer: 2, confidence: 0.25 });
    expect(json.results[1].logits).toHaveLength(10);
  });

  it('leaves out what a model that reveals classes only does not tell', async () => {
    const silent = { ...results, confidences: new Float32Array(4).fill(Number.NaN) };
    const lines = (await (await csvOf({ ...data, results: silent })).text()).trim().split('\r\n');
    expect(lines[1]).toBe(`0,"a.png",7,7,true,${','.repeat(10)}`);
    const json = JSON.parse(await (await jsonOf({ ...data, results: silent })).text());
    expect(json.results[0]).toMatchObject({ answer: 7, confidence: null, logits: null });
  });
});
