/**
 * Three real workers, one of which sends garbage of the right length at seeded moments: to its peers, ahead and online, and
 * to clients. No request is answered wrongly, none hangs, nobody falls, and then all is as before.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { InconsistentRepliesError } from '@trivet/mpc-core';
import { PROTOCOL_NAMES, TrivetError } from '@trivet/shared-types';
import { describe, expect, it } from 'vitest';
import {
  expectClose,
  type SharedTestModel,
  someInputs,
  type TestClient,
  type TestCluster,
  until,
} from './support/cluster.js';
import { useCluster } from './support/use-cluster.js';

const PRELOAD = fileURLToPath(new URL('./support/garbage.mjs', import.meta.url));
const SEED = 'garbage 1';
/** What a worker may say of a batch; garbage that it cannot tell from anything else is the client's to refuse. */
const CODES = ['ABORTED', 'UNAVAILABLE', 'DEADLINE_EXCEEDED', 'CANCELLED', 'INTERNAL'];

let owner: TestClient;
let cluster: TestCluster;
let model: SharedTestModel;

useCluster(
  async (all, started) => {
    [cluster, owner] = [all, started];
    model = await owner.share('small', 1, undefined, PROTOCOL_NAMES);
    await owner.serve('small');
  },
  {},
  undefined,
  PRELOAD,
);

/** Different numbers from 1 to `most`, the same in every run. */
function moments(name: string, count: number, most: number): number[] {
  const found = new Set<number>();
  for (let i = 0; found.size < count; i++) {
    found.add(1 + (createHash('sha256').update(`${SEED} ${name} ${i}`).digest()[0]! % most));
  }
  return [...found];
}

/** Has a worker send garbage. @returns the file that is there until it has */
async function spoil(worker: number, order: { frames: number[]; replies: number[] }): Promise<string> {
  const file = `${cluster.configFiles[worker]}.garbage`;
  await writeFile(`${file}.new`, JSON.stringify(order));
  await rename(`${file}.new`, file);
  return file;
}

/** One request: "right", or the code of its refusal. A wrong answer, or none, fails. */
async function ask(protocol: (typeof PROTOCOL_NAMES)[number]): Promise<string> {
  const inputs = someInputs(1);
  try {
    const { logits } = await owner.predictUnder(protocol, model, inputs);
    expectClose(logits, inputs);
    return 'right';
  } catch (error) {
    if (error instanceof InconsistentRepliesError) return 'INTERNAL';
    if (!(error instanceof TrivetError)) throw error;
    expect(CODES).toContain(error.code);
    return error.code;
  }
}

describe.each(PROTOCOL_NAMES)('under %s', (protocol) => {
  it.each([0, 1, 2])(
    'garbage of worker %i costs answers, and makes none wrong',
    async (worker) => {
      await owner.serve('small', null, protocol);
      await until(async () => (await ask(protocol)) === 'right', 'an answer before');
      const frames = moments(`${protocol} ${worker}`, 4, 12);
      const file = await spoil(worker, { frames, replies: [2, 5] });
      const outcomes: string[] = [];
      while (existsSync(file)) {
        outcomes.push(await ask(protocol));
        expect(outcomes.length, outcomes.join()).toBeLessThan(200);
      }
      expect(outcomes.filter((outcome) => outcome === 'INTERNAL').length).toBeGreaterThan(1);
      // What was dealt ahead may still be garbage; it is used up.
      await until(async () => (await ask(protocol)) === 'right', 'an answer after');
      expect(cluster.workers.map(({ child }) => child?.exitCode)).toEqual([null, null, null]);
    },
    120_000,
  );
});
