/**
 * One client's connection: decodes each event strictly, does what it asks, and acknowledges it with an Outcome. All of
 * it is sealed; shared-types' worker-channel.ts opens and seals.
 */
import {
  type Acknowledge,
  acceptChannel,
  accessOrderedSchema,
  attachmentBytes,
  authenticateSchema,
  cancelSchema,
  EVENTS,
  emptySchema,
  type Outcome,
  orderSchema,
  parseStrict,
  removeSchema,
  roomSchema,
  type SealingWorker,
  shareBeginSchema,
  shareChunkSchema,
  shareCommitSchema,
  TransientMap,
  TrivetError,
  tokenProofSchema,
  type WorkerChannel,
  type WorkerStatus,
} from '@trivet/shared-types';
import type { Socket } from 'socket.io';
import { type Access, type Caller, UnknownTokenError } from '../access/access.js';
import { type FailedAttempts, sourceOf } from '../access/failed-attempts.js';
import { isFromThisMachine } from '../access/this-machine.js';
import type { WorkerConfig } from '../config/schema.js';
import type { Logger } from '../observe/logger.js';
import type { Metrics } from '../observe/metrics.js';
import type { Model, Models } from '../serving/models.js';
import type { OpenRequest } from '../serving/request-table.js';
import type { Serving } from '../serving/serving.js';
import { OwnerSession } from './owner-session.js';
import { gist, type StatusFor } from './status.js';
import { TokenSession } from './token-session.js';
import type { ConnectionTraffic } from './traffic.js';
import { Upload } from './upload.js';

/** Control events that one connection may have under way. */
const MAX_CONTROL_EVENTS = 32;
const MAX_UPLOADS = 4;
const MAX_AUTHENTICATION_FAILURES = 3;

export interface ConnectionContext {
  readonly config: WorkerConfig;
  readonly serving: Serving;
  readonly models: Models;
  readonly access: Access;
  /** Of all connections. */
  readonly attempts: FailedAttempts;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly status: StatusFor;
  /** Who this worker is to its clients. */
  readonly sealing: SealingWorker;
}

export interface ConnectionOptions extends ConnectionContext {
  readonly traffic: ConnectionTraffic;
  /** To be called once the keys are agreed on. */
  readonly sealed: () => void;
}

export class ClientConnection {
  watching = false;
  readonly #requests = new TransientMap<string, OpenRequest>();
  readonly #uploads = new Map<string, Upload>();
  /** Names of the models for which this connection has given an order. */
  readonly #served = new Set<string>();
  readonly #owner: OwnerSession;
  readonly #token: TokenSession;
  readonly #isFromThisMachine: boolean;
  /** Whom its failures are counted on. */
  readonly #source: string;
  readonly #handlers: ReadonlyMap<string, (payload: unknown) => unknown>;
  readonly #channel: WorkerChannel;
  /** What was pushed last, of what changes little. */
  #said = '';
  #controlEvents = 0;
  #authenticationFailures = 0;

  constructor(
    private readonly socket: Socket,
    private readonly context: ConnectionOptions,
  ) {
    const { clusterId, ownerKey, index, name } = context.config;
    this.#owner = new OwnerSession({ ownerKey, clusterId, workerIndex: index, worker: name });
    this.#token = new TokenSession(name, context.access);
    const { address, headers } = socket.handshake;
    this.#isFromThisMachine = isFromThisMachine({ address, headers });
    this.#source = sourceOf({ address, headers });
    // Before the channel, which listens to all of them too.
    socket.onAny(() => context.traffic.received());
    this.#handlers = this.#handlersByEvent();
    this.#channel = acceptChannel(socket, {
      worker: context.sealing,
      sealed: context.sealed,
      event: (event, payload, acknowledge) => this.#dispatch(event, payload, acknowledge),
      broken: (error) => this.#broken(error),
    });
    socket.on('disconnect', () => this.#disconnected());
  }

  /**
   * Pushes the worker's state, unless the client has yet to read what came before: the next one says all again. Who is not
   * told how the worker is hears of it when there is news, and not every time that others have asked.
   */
  pushStatus(): void {
    if (this.context.traffic.unread > 0) return;
    const status = this.#status();
    if (status.operation === null) {
      const said = gist(status);
      if (said === this.#said) return;
      this.#said = said;
    }
    this.#channel.push(EVENTS.server.status, status);
  }

  /** Tells the connection that had the model served how far it has come. */
  pushServed(model: Model): void {
    if (!this.#served.has(model.name)) return;
    const { served, requestLimit } = model.records;
    if (served > 0) this.#channel.push(EVENTS.server.served, { model: model.name, served, requestLimit });
  }

  #handlersByEvent(): ReadonlyMap<string, (payload: unknown) => unknown> {
    const { access, models, serving } = this.context;
    const owner = (handler: (payload: unknown) => unknown) => (payload: unknown) => {
      this.#owner.require();
      return handler(payload);
    };
    return new Map<string, (payload: unknown) => unknown>([
      [EVENTS.describe, (payload) => parseEmpty(payload) && this.#status()],
      [
        EVENTS.watch,
        (payload) => {
          parseEmpty(payload);
          this.watching = true;
          return this.#status();
        },
      ],
      [
        EVENTS.room,
        (payload) => {
          serving.checkRoom(parseStrict(roomSchema, payload, 'The question'), this.#caller);
          return {};
        },
      ],
      [
        EVENTS.cancel,
        (payload) => {
          const { requestId } = parseStrict(cancelSchema, payload, 'The cancellation');
          const request = this.#requests.get(requestId);
          if (request !== undefined) serving.cancel(request);
          return {};
        },
      ],
      [EVENTS.tokenChallenge, (payload) => parseEmpty(payload) && { challenge: this.#token.challenge() }],
      [
        EVENTS.token,
        (payload) => {
          const { id, proof } = parseStrict(tokenProofSchema, payload, 'The token');
          return this.#prove('client', () => this.#token.present(id, proof));
        },
      ],
      [EVENTS.challenge, (payload) => parseEmpty(payload) && { challenge: this.#owner.challenge() }],
      [
        EVENTS.authenticate,
        (payload) => {
          const { signature } = parseStrict(authenticateSchema, payload, 'The authentication');
          return this.#prove('owner', () => this.#owner.authenticate(signature));
        },
      ],
      [EVENTS.shareBegin, owner((payload) => this.#shareBegin(payload))],
      [
        EVENTS.shareChunk,
        owner((payload) => {
          const { uploadId, offset, data } = parseStrict(shareChunkSchema, payload, 'The chunk');
          this.#upload(uploadId).append(offset, data);
          return {};
        }),
      ],
      [
        EVENTS.shareCommit,
        owner(async (payload) => {
          const upload = this.#upload(parseStrict(shareCommitSchema, payload, 'The commit').uploadId);
          this.#uploads.delete(upload.id);
          const model = await models.install(upload.manifest, upload.complete());
          return { digest: model.digest };
        }),
      ],
      [
        EVENTS.order,
        owner(async (payload) => {
          const { order } = parseStrict(orderSchema, payload, 'The order');
          this.#served.add(await serving.lifecycle.order(order));
          return {};
        }),
      ],
      [
        EVENTS.remove,
        owner(async (payload) => {
          const { model, version } = parseStrict(removeSchema, payload, 'The removal');
          await serving.lifecycle.remove(model, version);
          return {};
        }),
      ],
      [
        EVENTS.access,
        owner((payload) => {
          parseEmpty(payload);
          return { order: access.signed, used: Object.fromEntries(access.use.entries()) };
        }),
      ],
      [
        EVENTS.accessOrder,
        owner(async (payload) => {
          await access.order(parseStrict(accessOrderedSchema, payload, 'The order').order);
          return {};
        }),
      ],
    ]);
  }

  #dispatch(event: string, payload: unknown, acknowledge: Acknowledge): void {
    const handler = this.#handlers.get(event);
    if (event === EVENTS.predict) {
      this.#predict(payload, acknowledge);
    } else if (handler === undefined) {
      acknowledge(
        this.#failure(new TrivetError('INVALID_ARGUMENT', 'This worker does not know that event.')),
      );
    } else {
      void this.#control(handler, payload, acknowledge);
    }
  }

  #predict(payload: unknown, acknowledge: Acknowledge): void {
    const { config, serving } = this.context;
    try {
      if (this.#requests.size >= config.limits.maxRequestsPerConnection) {
        throw new TrivetError(
          'RESOURCE_EXHAUSTED',
          `${this.#requests.size} requests of this connection are open already, as many as may be.`,
        );
      }
      // The leader may refuse, and answer, before `predict` returns.
      let open: OpenRequest | undefined;
      const request = serving.predict(attachmentBytes(payload, 'The request'), this.#caller, (outcome) => {
        if (open !== undefined) this.#requests.delete(open.id);
        acknowledge(outcome instanceof TrivetError ? this.#failure(outcome) : { ok: true, value: outcome });
      });
      if (!request.answered) {
        open = request;
        this.#requests.set(request.id, request);
      }
    } catch (error) {
      acknowledge(this.#failure(error));
    }
  }

  get #caller(): Caller {
    const { tokenId } = this.#token;
    return { tokenId, connection: this.socket.id, isFromThisMachine: this.#isFromThisMachine };
  }

  async #control(
    handler: (payload: unknown) => unknown,
    payload: unknown,
    acknowledge: Acknowledge,
  ): Promise<void> {
    if (this.#controlEvents >= MAX_CONTROL_EVENTS) {
      const message = 'Too many events at once; wait for their answers.';
      acknowledge(this.#failure(new TrivetError('RESOURCE_EXHAUSTED', message)));
      return;
    }
    this.#controlEvents += 1;
    try {
      acknowledge({ ok: true, value: await handler(payload) });
    } catch (error) {
      acknowledge(this.#failure(error));
      if (this.#authenticationFailures >= MAX_AUTHENTICATION_FAILURES) this.socket.disconnect(true);
    } finally {
      this.#controlEvents -= 1;
    }
  }

  /** Lets a connection prove who it is, unless its address has failed too often. */
  #prove(identity: 'owner' | 'client', proof: () => void): object {
    const { attempts, log, metrics } = this.context;
    const { address } = this.socket.handshake;
    attempts.check(this.#source);
    try {
      proof();
    } catch (error) {
      const wrong = error instanceof UnknownTokenError || (error as TrivetError).code === 'PERMISSION_DENIED';
      if (wrong) {
        this.#authenticationFailures += 1;
        attempts.failed(this.#source);
        metrics.authenticationFailures.inc({ identity });
        log.warn({ address, identity }, 'authentication failed');
      }
      throw error;
    }
    return {};
  }

  #shareBegin(payload: unknown): { uploadId: string } {
    const { manifest, bytes } = parseStrict(shareBeginSchema, payload, 'The request to share');
    const { limits, name } = this.context.config;
    this.context.models.check(manifest);
    if (bytes > limits.maxModelBytes) {
      throw new TrivetError('RESOURCE_EXHAUSTED', `A share may have ${limits.maxModelBytes} bytes at most.`);
    }
    if (this.#uploads.size >= MAX_UPLOADS) {
      throw new TrivetError('RESOURCE_EXHAUSTED', `${MAX_UPLOADS} uploads are open; commit one first.`);
    }
    const upload = new Upload(manifest, bytes, name);
    this.#uploads.set(upload.id, upload);
    return { uploadId: upload.id };
  }

  #upload(id: string): Upload {
    const upload = this.#uploads.get(id);
    if (upload === undefined)
      throw new TrivetError('NOT_FOUND', 'There is no such upload on this connection.');
    return upload;
  }

  /** The worker's state, as far as it is this connection's to know. */
  #status(): WorkerStatus {
    return this.context.status({ ...this.#caller, isOwner: this.#owner.authenticated });
  }

  #disconnected(): void {
    this.watching = false;
    this.#channel.close();
    this.#uploads.clear();
    this.#served.clear();
    for (const request of [...this.#requests.values()]) this.context.serving.cancel(request);
    this.context.serving.connectionClosed(this.#caller.connection);
  }

  #broken(error: TrivetError): void {
    const { log } = this.context;
    const { address } = this.socket.handshake;
    if (error.code === 'INTERNAL') log.error({ address, err: error.cause }, 'a message could not be handled');
    else log.warn({ address, err: error }, 'a broken seal');
  }

  /** What a client is told: a coded error with this worker's name; anything unexpected is only logged in full. */
  #failure(error: unknown): Outcome<never> {
    const { name } = this.context.config;
    if (!(error instanceof TrivetError)) {
      this.context.log.error({ err: error }, 'an event could not be handled');
      const message = `${name} could not handle the event; its log says why.`;
      return { ok: false, error: { code: 'INTERNAL', message, worker: name } };
    }
    return { ok: false, error: { ...error.toBody(), worker: error.worker ?? name } };
  }
}

function parseEmpty(payload: unknown): true {
  parseStrict(emptySchema, payload, 'The payload');
  return true;
}
