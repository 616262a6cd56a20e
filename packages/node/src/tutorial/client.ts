/** Whoever has data: `connect_to_model` and `query_model` of the Syft Keras tutorial. */
import { PredictionClient, type SharedModel } from '@trivet/client';
import { TrivetError } from '@trivet/shared-types';
import type { Cluster } from './cluster.js';

export interface ConnectOptions {
  /** Which model; the only one that is served unless told. */
  readonly name?: string;
  /**
   * The owner's cluster.json, or the directory that has it; `.trivet` unless told, or what this program has started. It
   * says whose models count, and has the key of each worker, to which what is sent there is sealed.
   */
  readonly clusterFile?: string;
  /** Ed25519 public key, hex, of the owner, when it is known from elsewhere: it must be that of the cluster file. */
  readonly ownerKey?: string;
  /** The client token, for a model that is not open. */
  readonly token?: string;
  readonly signal?: AbortSignal;
}

export class Client {
  #connection: { readonly client: PredictionClient; readonly model: string } | null = null;

  /**
   * Connects to the three workers and to a model that they serve together.
   * @param inputShape of a batch, its first extent the number of samples, which may be any; for example [1, 28, 28, 1]
   * @param outputShape likewise, for example [1, 10]
   * @throws TrivetError FAILED_PRECONDITION when there is no cluster file of these workers, PERMISSION_DENIED when it is
   *   another owner's; UNAVAILABLE naming every worker that is missing; NOT_FOUND when no such model is served;
   *   INVALID_ARGUMENT when the shapes are not the model's, or several are served and none is named
   */
  async connectToModel(
    inputShape: readonly number[],
    outputShape: readonly number[],
    cluster: Cluster,
    options: ConnectOptions = {},
  ): Promise<void> {
    this.close();
    const { name, clusterFile, ownerKey: expectedKey, ...rest } = options;
    const { workers, clusterId, ownerKey } = await cluster.file(clusterFile);
    if (expectedKey !== undefined && expectedKey !== ownerKey) {
      throw new TrivetError('PERMISSION_DENIED', 'The cluster file is of another owner than { ownerKey }.');
    }
    const client = await PredictionClient.connect({ workers, clusterId, ownerKey, ...rest });
    try {
      const model = await choose(client, name);
      checkShape('inputs', inputShape, model.manifest.plan.inputShape);
      checkShape('outputs', outputShape, model.manifest.plan.outputShape);
      this.#connection = { client, model: model.name };
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /**
   * Splits the inputs, has the workers evaluate the model on the shares, and adds their replies up.
   * @param inputs consecutive samples, preprocessed as for training
   * @returns the logits of each sample, one after the other; of a model that reveals classes only, the classes
   * @throws TrivetError FAILED_PRECONDITION before `connectToModel`; as `PredictionClient.predict`
   */
  async queryModel(inputs: ArrayLike<number>): Promise<Float64Array> {
    if (this.#connection === null) {
      throw new TrivetError('FAILED_PRECONDITION', 'Connect first: await client.connectToModel(…).');
    }
    const { client, model } = this.#connection;
    const { logits, topClasses } = await client.predict(model, Float32Array.from(inputs));
    return logits ?? Float64Array.from(topClasses ?? []);
  }

  /** Ends the connections; without it the program goes on. */
  close(): void {
    this.#connection?.client.close();
    this.#connection = null;
  }
}

async function choose(client: PredictionClient, name: string | undefined): Promise<SharedModel> {
  if (name !== undefined) return client.model(name);
  const served = (await client.models()).filter((model) => model.current && model.state === 'AVAILABLE');
  if (served.length === 1) return served[0]!;
  const names = served.map((model) => `"${model.name}"`).join(', ');
  throw served.length === 0
    ? new TrivetError('NOT_FOUND', 'No model is served: its owner starts that with `await model.serve()`.')
    : new TrivetError(
        'INVALID_ARGUMENT',
        `Several models are served: say which with { name }, one of ${names}.`,
      );
}

function checkShape(what: string, given: readonly number[], expected: readonly number[]): void {
  if (given.length === expected.length + 1 && expected.every((extent, axis) => extent === given[axis + 1]))
    return;
  throw new TrivetError(
    'INVALID_ARGUMENT',
    `The model's ${what} have the shape [batch, ${expected.join(', ')}], not [${given.join(', ')}].`,
  );
}
