/**
 * A leader that lies: it tells each of its followers that the other is the helper, so that both take it for the other
 * evaluator and send it their masked values, under one and the same stream.
 */
import { randomBytes } from 'node:crypto';
import {
  type Channel,
  createCpuSharer,
  createKernels,
  createParty,
  inputSharesFor,
  type PartyIndex,
  randomSeed,
} from '@trivet/mpc-core';
import { generateOwnerKeys, type ProtocolName } from '@trivet/shared-types';
import { expect, it } from 'vitest';
import { FRAME_KINDS } from '../src/mesh/frames.js';
import { encodeProposal } from '../src/mesh/messages.js';
import { bindKey, viewOf } from '../src/mesh/session-view.js';
import { createProtocols } from '../src/serving/protocols.js';
import { prepareModel, someInputs } from './support/cluster.js';

const LIAR: PartyIndex = 0;
const DIGEST = 'ab'.repeat(32);

const proposal = (helper: PartyIndex, protocol: ProtocolName = 'replicated') =>
  encodeProposal({
    link: '01'.repeat(8),
    digest: DIGEST,
    protocol,
    helper,
    images: 1,
    ahead: false,
    material: [],
    requestIds: ['cd'.repeat(16)],
  });

it('learns nothing: what it is sent by the two does not have one mask', async () => {
  const kernels = await createKernels();
  const { plan, files } = await prepareModel(generateOwnerKeys().secretKey, 'small');
  const seeds = [randomSeed(), randomSeed()] as const;
  const explicit = await createCpuSharer(kernels).share(someInputs(1), 16, seeds);
  const inputs = inputSharesFor(seeds, explicit, 1);

  /** The first message that a follower sends the liar, when it believes that `helper` is the helper. */
  const firstMessage = async (
    index: 1 | 2,
    helper: PartyIndex,
    keys: { next: Buffer; previous: Buffer },
    sessionId: Buffer,
  ) => {
    const party = createParty(index, await createKernels());
    const model = party.load(plan, files[index]!);
    return new Promise<Buffer>((resolve, reject) => {
      const channel: Channel = {
        send: (peer, _, payload) => {
          if (peer === LIAR) resolve(Buffer.from(payload));
        },
        // Nobody answers.
        receive: () => new Promise(() => undefined),
      };
      const protocol = createProtocols().replicated[helper];
      party
        .run(model, { protocol, keys: { ...keys, sessionId }, channel, inputs: [inputs[index]] })
        .catch(reject);
    });
  };
  /** The difference of both messages, word by word: of the masks, and of secrets. */
  const differenceUnder = async (bind: (key: Buffer, helper: PartyIndex) => Buffer): Promise<string> => {
    const [withBob, between, withCarol] = [randomBytes(32), randomBytes(32), randomBytes(32)];
    const sessionId = randomBytes(16);
    const bob = { next: bind(between, 2), previous: bind(withBob, 2) };
    const carol = { next: bind(withCarol, 1), previous: bind(between, 1) };
    const [fromBob, fromCarol] = [
      await firstMessage(1, 2, bob, sessionId),
      await firstMessage(2, 1, carol, sessionId),
    ];
    expect(fromBob.length).toBe(fromCarol.length);
    // Three values, of as many bytes each.
    const width = fromBob.length / 3;
    const words = [0, 1, 2].map((at) => {
      const word = (message: Buffer) =>
        BigInt(
          `0x${Buffer.from(message.subarray(at * width, (at + 1) * width))
            .reverse()
            .toString('hex')}`,
        );
      return BigInt.asUintN(8 * width, word(fromBob) - word(fromCarol)).toString(16);
    });
    return words.join();
  };
  // Without the view in the keys the masks are the same, and cancel: what is left is the same under any keys.
  const unbound = (key: Buffer) => key;
  expect(await differenceUnder(unbound)).toBe(await differenceUnder(unbound));
  const bound = (key: Buffer, helper: PartyIndex) =>
    Buffer.from(bindKey(key, viewOf(FRAME_KINDS.propose, proposal(helper))));
  expect(await differenceUnder(bound)).not.toBe(await differenceUnder(bound));
});

it('and whatever else it tells only one of them changes the keys', () => {
  const key = randomBytes(32);
  const views = [
    viewOf(FRAME_KINDS.propose, proposal(0)),
    viewOf(FRAME_KINDS.propose, proposal(1)),
    viewOf(FRAME_KINDS.propose, proposal(0, 'fss')),
    viewOf(FRAME_KINDS.deal, proposal(0)),
    viewOf(FRAME_KINDS.propose, Buffer.concat([proposal(0), randomBytes(16)])),
  ];
  const keys = views.map((view) => Buffer.from(bindKey(key, view)).toString('hex'));
  expect(new Set(keys).size).toBe(views.length);
  expect(Buffer.from(bindKey(key, viewOf(FRAME_KINDS.propose, proposal(0)))).toString('hex')).toBe(keys[0]);
});
