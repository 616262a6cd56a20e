/** Which protocol runs a request: named when the model is served, or by the request. Three processes, real sockets. */
import { randomBytes } from 'node:crypto';
import { EVENTS, type ProtocolName } from '@trivet/shared-types';
import { describe, expect, it } from 'vitest';
import { createProtocols } from '../src/serving/protocols.js';
import { expectClose, type SharedTestModel, someInputs, type TestClient } from './support/cluster.js';
import { useCluster } from './support/use-cluster.js';

const PROTOCOLS = Object.keys(createProtocols()) as ProtocolName[];

let owner: TestClient;
let model: SharedTestModel;

const { connect } = useCluster(
  async (_, started) => {
    owner = started;
    model = await owner.share('small', 1, undefined, PROTOCOLS);
    await owner.serve('small');
  },
  { batching: { maxBatchSize: 8 } },
);

/** What the three workers say that they serve the model with. */
async function served(): Promise<(ProtocolName | undefined)[]> {
  const statuses = await owner.all((worker) => owner.status(worker));
  return statuses.map(({ models }) => models.find(({ digest }) => digest === model.digest)?.protocol);
}

describe('the protocol of a request', () => {
  it('is the first of the manifest, unless somebody names another', async () => {
    const [first] = PROTOCOLS as [ProtocolName];
    const inputs = someInputs(2);
    const { logits, protocols } = await owner.predictUnder(null, model, inputs);
    expectClose(logits, inputs);
    expect(protocols).toEqual([first, first, first]);
    expect(await served()).toEqual([first, first, first]);
  });

  it.each(PROTOCOLS)('is %s when the request, or who serves the model, says so', async (protocol) => {
    const inputs = someInputs(3);
    const named = await owner.predictUnder(protocol, model, inputs);
    expectClose(named.logits, inputs);
    expect(named.protocols).toEqual([protocol, protocol, protocol]);
    await owner.serve('small', null, protocol);
    expect(await served()).toEqual([protocol, protocol, protocol]);
    const unnamed = await owner.predictUnder(null, model, inputs);
    expectClose(unnamed.logits, inputs);
    expect(unnamed.protocols).toEqual([protocol, protocol, protocol]);
  });

  it('is one that the owner allows, or there is no answer', async () => {
    const only = await owner.share('only', 1, undefined, ['replicated']);
    const refused = expect.objectContaining({
      code: 'FAILED_PRECONDITION',
      message: expect.stringMatching(/allows replicated, and not securenn/),
    });
    await expect(owner.serve('only', null, 'securenn')).rejects.toEqual(refused);
    await owner.serve('only', null, 'replicated');
    await expect(owner.predictUnder('securenn', only, someInputs(1))).rejects.toEqual(refused);
    // Nothing of it has changed how the model is served.
    expectClose(await owner.predict(only, someInputs(1)), someInputs(1));
  });

  it('is the same at all three workers, or there is no answer', async () => {
    const id = randomBytes(16).toString('hex');
    const [named, unnamed] = [
      await owner.messages(model, someInputs(1), 5000, id, 'replicated'),
      await owner.messages(model, someInputs(1), 5000, id, null),
    ];
    const outcomes = await Promise.allSettled(
      [named, named, unnamed].map(({ parts }, worker) => owner.call(worker, EVENTS.predict, parts[worker])),
    );
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'INVALID_ARGUMENT' } });
    }
  });

  it('changes under load without a failed request', async () => {
    const clients = await Promise.all([0, 1, 2].map(() => connect()));
    const counts = new Map<ProtocolName, number>();
    let stop = false;
    const load = clients.map(async (client, who) => {
      for (let i = 0; !stop; i++) {
        const inputs = someInputs(((i + who) % 3) + 1);
        const { logits, protocols } = await client.predictUnder(null, model, inputs);
        expectClose(logits, inputs);
        expect(new Set(protocols).size).toBe(1);
        counts.set(protocols[0]!, (counts.get(protocols[0]!) ?? 0) + 1);
      }
    });
    const running = Promise.all(load);
    for (let round = 0; round < 4; round++) {
      for (const protocol of PROTOCOLS) {
        await owner.serve('small', null, protocol);
        await Promise.race([running, new Promise((resolve) => setTimeout(resolve, 150))]);
      }
    }
    stop = true;
    await running;
    for (const protocol of PROTOCOLS) expect(counts.get(protocol)).toBeGreaterThan(0);
  }, 60_000);
});
