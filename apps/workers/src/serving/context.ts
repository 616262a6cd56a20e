/** What the parts of serving share. */
import type { Party } from '@trivet/mpc-core';
import type { TrivetError } from '@trivet/shared-types';
import type { Access } from '../access/access.js';
import type { FrameKind, SessionKey } from '../mesh/frames.js';
import type { Link, Peer } from '../mesh/link.js';
import type { Sessions } from '../mesh/sessions.js';
import type { Logger } from '../observe/logger.js';
import type { Metrics } from '../observe/metrics.js';
import type { Model, Models } from './models.js';
import type { Peers } from './peers.js';
import type { MaterialPool } from './pool/material-pool.js';
import type { ProtocolTable } from './protocols.js';
import type { OpenRequest, RequestTable } from './request-table.js';

export interface ServingContext {
  readonly self: Peer;
  readonly access: Access;
  readonly party: Party;
  readonly protocols: ProtocolTable;
  readonly models: Models;
  readonly table: RequestTable;
  readonly sessions: Sessions;
  readonly peers: Peers;
  readonly pool: MaterialPool;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Since this process began. */
  readonly totals: { images: number };
  /** A batch of this model was served: tell the owner's connections. */
  readonly onServed: (model: Model) => void;
}

/** A request, as far as it matters for whether there is room for it. */
export type Wanted = Pick<OpenRequest, 'client' | 'count' | 'deadlineMs'>;

/** What differs between the worker that forms the batches and those that follow. */
export interface Role {
  /** @throws TrivetError RESOURCE_EXHAUSTED when a request like this could not be answered in time */
  checkRoom(wanted: Wanted): void;
  /** A request has arrived here in full. */
  admitted(request: OpenRequest): void;
  /** A request that this worker will not take; the others need not wait for it. */
  refused(requestId: string, error: TrivetError): void;
  /** The client has its answer, an error, before the request was part of a batch. */
  givenUp(request: OpenRequest, error: TrivetError): void;
  /** A client's connection is closed. */
  connectionClosed(connection: string): void;
  /** A control frame. @throws TrivetError when it is malformed or not for this role: the link is closed */
  frame(link: Link, kind: FrameKind, session: SessionKey, payload: Uint8Array): void;
  /** Links or the peers' states have changed. */
  peersChanged(): void;
  linkDown(link: Link, error: TrivetError): void;
  /** A model came, went, or is served otherwise. */
  modelsChanged(): void;
  /** Batches in the queue. */
  readonly queuedBatches: number;
  /** Requests that wait for their batch. */
  readonly queueLength: number;
  close(): void;
}
