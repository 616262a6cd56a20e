/**
 * Holds the golden vectors to what the code writes today.
 * After a deliberate change of the contract, `npx vitest run packages/shared-types -u` writes them anew.
 */
import { describe, expect, it } from 'vitest';
import { buildVectors } from './build-vectors.js';

describe('golden vectors are what the code writes', () => {
  it.each(Object.entries(buildVectors()))('%s', async (name, content) => {
    await expect(`${JSON.stringify(content, null, 2)}\n`).toMatchFileSnapshot(`../vectors/v1/${name}`);
  });
});
