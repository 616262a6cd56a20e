/** The attack of sealed.test.ts against a client and workers that were built without sealing: it works. */
import { fileURLToPath } from 'node:url';
import { loadMnist } from '@trivet/mnist';
import { toModelInputs } from '@trivet/node';
import { expect, it, vi } from 'vitest';
import { tellThreesFromEights } from './attack.js';
import { captureDigits } from './captured-digits.js';

vi.mock(
  '../../../../packages/shared-types/src/sealing/client-channel.js',
  () => import('./plain-client-channel.js'),
);

const DIGITS = 200;
const UNSEALED = ['--import', fileURLToPath(new URL('./unsealed-worker.mjs', import.meta.url))];

it('without sealing, a proxy in front of all three workers adds the shares up and tells a 3 from an 8', async () => {
  const { captured, labels, classified } = await captureDigits(DIGITS, UNSEALED);
  expect(classified).toBeGreaterThan(0.7 * DIGITS);
  const { pictures, accuracy } = await tellThreesFromEights({ captured, labels });
  expect(pictures).toHaveLength(DIGITS);
  // Not only the kind of digit: the very picture.
  const mnist = await loadMnist('test');
  const first = toModelInputs(mnist, [mnist.labels.findIndex((label) => label === 3 || label === 8)], 255);
  expect(Math.max(...pictures[0]!.map((value, at) => Math.abs(value - first[at]!)))).toBeLessThan(1e-4);
  expect(accuracy).toBeGreaterThan(0.8);
}, 180_000);
