/** `trivet check`, and the files that calibrate it. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCalibration } from '@trivet/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { trivetHere } from './support.js';

const MODEL = new URL('../../../models/mnist/model.json', import.meta.url).pathname;
const HALF_PLUS_TWO = new URL('../../../../shared/models/half_plus_two', import.meta.url).pathname;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trivet-check-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, content: Uint8Array | string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

/** A NumPy array as numpy.save writes it. */
function npy(descr: string, shape: readonly number[], data: ArrayBufferView): Uint8Array {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  const header = text.padEnd(117, ' ').concat('\n');
  return Buffer.concat([
    Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
    Buffer.from([header.length, 0]),
    Buffer.from(header, 'latin1'),
    Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  ]);
}

describe('trivet check', () => {
  it('prints layers, what was folded, and what each protocol takes', async () => {
    const { code, out } = await trivetHere('check', MODEL);
    expect(code).toBe(0);
    expect(out).toMatch(/LAYER +STEP +OUTPUT +PRODUCTS +LARGEST +BITS LEFT/);
    expect(out).toMatch(/pool1 into conv1/);
    for (const protocol of ['replicated', 'fss', 'securenn'])
      expect(out).toMatch(new RegExp(`${protocol} +\\d+ .*B +[\\d.]+ .?B( +[\\d.]+){4}$`, 'm'));
    expect(out).toMatch(/PROTOCOL +ROUNDS +BYTES +DEALT +CPU MS +HERE MS +LAN MS +WAN MS/);
    expect(out).toMatch(/The client applies the softmax/);
    expect(out).toMatch(/Every value fits/);
  });

  it('says the same as JSON, with the largest values that were seen', async () => {
    const inputs = await file('inputs.npy', npy('|u1', [2, 28, 28], new Uint8Array(2 * 784).fill(200)));
    const { code, out } = await trivetHere('check', MODEL, '--calibrate', inputs, '--json');
    expect(code).toBe(0);
    const report = JSON.parse(out);
    expect(report).toMatchObject({ ok: true, format: 'tfjs-layers', inputShape: [28, 28, 1], samples: 2 });
    expect(report.protocols.map((each: { protocol: string }) => each.protocol)).toEqual([
      'replicated',
      'fss',
      'securenn',
    ]);
    const { networks, overheads } = report;
    for (const { protocol, rounds, dealtAhead, computeMs, requestMs } of report.protocols) {
      expect(dealtAhead).toBe(protocol === 'fss');
      expect(computeMs).toBeGreaterThan(0);
      for (const name of ['local', 'lan', 'wan']) {
        const { roundTripMs } = networks[name];
        const { requestMs: each, roundMs } = overheads[protocol];
        // Its client has announced it: there and back, and no word of the leader between.
        const waits = roundTripMs + each + rounds * (roundTripMs / 2 + roundMs);
        expect(requestMs[name]).toBeGreaterThan(waits);
      }
    }
    for (const { observed, bound, bitsLeft } of report.layers) {
      expect(observed).toBeGreaterThan(0);
      expect(observed).toBeLessThanOrEqual(bound);
      expect(bitsLeft).toBeGreaterThanOrEqual(0);
    }
    expect(report.multiplications).toBeGreaterThan(100_000);
  });

  it('opens a SavedModel by the folder of its versions', async () => {
    const { out } = await trivetHere('check', HALF_PLUS_TWO, '--json');
    expect(JSON.parse(out)).toMatchObject({ format: 'saved-model', version: 123, multiplications: 1 });
  });

  it('names the layer that would overflow', async () => {
    const weights = await readFile(new URL('group1-shard1of1.bin', `file://${MODEL}`));
    const floats = new Float32Array(
      weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.length),
    );
    await file('group1-shard1of1.bin', Buffer.from(floats.map((weight) => weight * 10_000).buffer));
    const model = await file('model.json', await readFile(MODEL));
    const { code, out, err } = await trivetHere('check', model, '--json');
    expect(code).toBe(2);
    expect(err).toMatch(/Layer "\S+" can reach/);
    const { ok, error, layers } = JSON.parse(out);
    expect({ ok, error }).toEqual({ ok: false, error: err.slice('trivet: '.length).trim() });
    expect(layers).toEqual([{ name: 'conv2+pool2', largest: expect.any(Number), limit: expect.any(Number) }]);
    expect(layers[0].largest).toBeGreaterThanOrEqual(layers[0].limit);
  });

  it('refuses inputs outside of the range, and ranges that are none', async () => {
    const inputs = await file('large.json', JSON.stringify([[300]]));
    const outside = await trivetHere('check', HALF_PLUS_TWO, '--calibrate', inputs);
    expect(outside.err).toMatch(/300 lies outside .* say --input-range/);
    const fine = await trivetHere('check', HALF_PLUS_TWO, '--fractional-bits', '24');
    expect(fine).toMatchObject({ code: 2, err: expect.stringContaining('fewer fractional bits') });
    const backwards = await trivetHere('check', HALF_PLUS_TWO, '--input-range', '2:1');
    expect(backwards.code).not.toBe(0);
  });
});

describe('readCalibration', () => {
  const floats = Float32Array.of(0.5, -1, 2, 3);

  it('reads IDX, .npy and JSON, by content', async () => {
    const idx = Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 51, 102, 255);
    expect(await readCalibration(await file('a', idx), 2, 9, true)).toEqual({
      inputs: Float32Array.of(0, 0.2, 0.4, 1),
      count: 2,
    });
    expect((await readCalibration(await file('a', idx), 2, 9, false)).inputs[3]).toBe(255);
    expect((await readCalibration(await file('b', npy('<f4', [2, 2], floats)), 2, 9, true)).inputs).toEqual(
      floats,
    );
    const doubles = npy('<f8', [4], Float64Array.from(floats));
    expect(await readCalibration(await file('c', doubles), 2, 1, true)).toEqual({
      inputs: floats.slice(0, 2),
      count: 1,
    });
    const json = await file('d', '[[0.5, -1], [2, 3]]');
    expect((await readCalibration(json, 4, 9, true)).inputs).toEqual(floats);
  });

  it.each<[string, Uint8Array | string, RegExp]>([
    ['text', 'hello', /neither IDX, nor \.npy/],
    ['JSON of something else', '{"a": 1}', /array of numbers/],
    ['JSON of nothing', '[]', /no whole samples/],
    ['an odd number of values', '[1, 2, 3]', /3 numbers are no whole samples of 2/],
    ['IDX cut short', Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 9, 1), /need 9 bytes, there are 1/],
    ['IDX without its header', Uint8Array.of(0, 0, 8, 200, 0), /cut short/],
    ['IDX of shorts', Uint8Array.of(0, 0, 11, 0), /type 11/],
    ['.npy of texts', npy('<U4', [1], floats), /malformed|not supported/],
    ['.npy with more data', npy('<f4', [3], floats), /need 12 bytes, there are 16/],
    ['.npy cut short', npy('<f4', [4], floats).subarray(0, 60), /malformed/],
  ])('refuses %s', async (_, content, message) => {
    await expect(readCalibration(await file('bad', content), 2, 9, true)).rejects.toThrow(message);
  });

  it('refuses a file that is not there', async () => {
    await expect(readCalibration(join(folder, 'none'), 2, 9, true)).rejects.toThrow(/does not exist/);
  });
});
