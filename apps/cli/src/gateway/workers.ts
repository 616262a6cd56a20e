/**
 * The gateway's connection to the three workers. It is opened when it is first needed and tried again with each request
 * until it succeeds: a gateway may be started before its workers. Once open, it comes back by itself after a loss.
 */
import { PredictionClient } from '@trivet/client';
import { type Cluster, TrivetError } from '@trivet/shared-types';
import { reportLosses } from '../losses.js';

export class Workers {
  readonly #cluster: Cluster;
  readonly #token: string | undefined;
  readonly #onLoss: (sentence: string) => void;
  #client: Promise<PredictionClient> | null = null;
  #closed = false;

  /** @param onLoss told in a sentence when a worker is lost, and when it is back */
  constructor(cluster: Cluster, token: string | undefined, onLoss: (sentence: string) => void) {
    this.#cluster = cluster;
    this.#token = token;
    this.#onLoss = onLoss;
  }

  /** @throws TrivetError UNAVAILABLE naming every worker that is missing */
  async client(): Promise<PredictionClient> {
    if (this.#closed) throw new TrivetError('UNAVAILABLE', 'The gateway is stopping.');
    this.#client ??= this.#connect();
    return this.#client;
  }

  async close(): Promise<void> {
    this.#closed = true;
    (await this.#client?.catch(() => null))?.close();
  }

  async #connect(): Promise<PredictionClient> {
    const { workers, clusterId, ownerKey } = this.#cluster;
    try {
      const client = await PredictionClient.connect({ workers, clusterId, ownerKey, token: this.#token });
      client.onStatus(reportLosses(this.#onLoss));
      return client;
    } catch (error) {
      this.#client = null;
      throw error;
    }
  }
}
