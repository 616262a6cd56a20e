/**
 * A session can fail while a party waits for anything: its operation then rejects, once. A promise that is left behind
 * and rejects later would be an unhandled rejection, which ends a worker's process.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Channel, PartyIndex } from '../src/channel/channel.js';
import { fss } from '../src/protocols/fss/index.js';
import type { Protocol } from '../src/protocols/protocol.js';
import { replicated } from '../src/protocols/replicated/index.js';
import { securenn } from '../src/protocols/securenn/index.js';
import { runParties, split } from './support/parties.js';

const REDUCTION = { shift: 16, activationBits: 24, bits: 40 };
const PARTIES: readonly PartyIndex[] = [0, 1, 2];

const unhandled: unknown[] = [];
const note = (reason: unknown) => unhandled.push(reason);
beforeAll(() => void process.on('unhandledRejection', note));
beforeEach(() => void unhandled.splice(0));
afterAll(() => void process.off('unhandledRejection', note));

/** A channel whose session fails at the receive number `at`: what waits then, and whatever comes later, rejects. */
function failingAt(channel: Channel, at: number): Channel {
  let received = 0;
  let fail = (_: Error) => {};
  const failure = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failure.catch(() => undefined);
  return {
    self: channel.self,
    send: (peer, step, payload) => channel.send(peer, step, payload),
    receive: (peer, step, bytes) => {
      if (received++ === at) fail(new Error('The session was aborted.'));
      // The failure comes first, as it does where nothing has arrived yet.
      return Promise.race([failure, channel.receive(peer, step, bytes)]);
    },
  };
}

async function operate(
  protocol: Protocol,
  operation: 'truncate' | 'rectify',
  party: PartyIndex,
  at: number,
): Promise<string | null> {
  const shares = split(Array.from({ length: 20 }, (_, index) => BigInt(index - 10) << 20n));
  const within: Protocol = {
    ...protocol,
    open: (context, material) =>
      protocol.open(
        context.party === party ? { ...context, channel: failingAt(context.channel, at) } : context,
        material,
      ),
  };
  try {
    await runParties(within, {}, ({ session, additive }, self) =>
      session[operation](additive(shares[self]), REDUCTION),
    );
    return null;
  } catch (error) {
    return (error as Error).message;
  } finally {
    // Rejections count as unhandled when the microtasks are done.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe.each([
  ['replicated', replicated(0)],
  ['fss', fss(0)],
  ['securenn', securenn(0)],
] as const)('%s', (_, protocol) => {
  it.each(['truncate', 'rectify'] as const)(
    '%s leaves nothing behind, wherever it fails',
    async (operation) => {
      for (const party of PARTIES) {
        let at = 0;
        for (; (await operate(protocol, operation, party, at)) !== null; at++) expect(at).toBeLessThan(40);
        expect(unhandled, `party ${party}`).toEqual([]);
      }
    },
  );
});
