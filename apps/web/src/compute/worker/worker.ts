/// <reference lib="webworker" />
/** The compute worker: everything that computes or talks to the network, so that the page never freezes. */
import '../without-eval.js';
import { createKernels } from '@trivet/mpc-core';
import { TrivetError } from '@trivet/shared-types';
import type { InspectedModel } from '../model/inspect.js';
import type { OwnedModel } from '../model/messages.js';
import type { OwnerSession } from '../model/owner.js';
import { findCluster } from './cluster.js';
import type { CallName, Calls, FromWorker, ToWorker } from './messages.js';
import { predict } from './predict.js';
import { prepare } from './prepare.js';
import { loadGpu, Session } from './session.js';

const kernels = createKernels();
const running = new Map<number, AbortController>();
let connecting = false;
let session: Session | null = null;
let inspected: InspectedModel | null = null;
let owner: OwnerSession | null = null;

function connected(): Session {
  if (session === null) throw new TrivetError('FAILED_PRECONDITION', 'This page is not connected yet.');
  return session;
}

function signedIn(): OwnerSession {
  if (owner === null) throw new TrivetError('UNAUTHENTICATED', 'Open your owner key first.');
  return owner;
}

/**
 * A part that is loaded when it is first called.
 * @throws (rejects) TrivetError UNAVAILABLE when its file cannot be fetched
 */
async function part<Module>(loading: Promise<Module>): Promise<Module> {
  try {
    return await loading;
  } catch (error) {
    const why =
      'A part of this page could not be loaded from its server. Is this device offline? If not, reload the page.';
    throw new TrivetError('UNAVAILABLE', why, null, { cause: error });
  }
}

interface CallContext<Name extends CallName> {
  readonly signal: AbortSignal;
  readonly tell: (value: Calls[Name]['tells']) => void;
}

/** What a visitor may never use is loaded when it is first called. */
const handlers: {
  [Name in CallName]: (
    takes: Calls[Name]['takes'],
    context: CallContext<Name>,
  ) => Promise<Calls[Name]['gives']> | Calls[Name]['gives'];
} = {
  connect: async (settings) => {
    if (connecting) throw new TrivetError('FAILED_PRECONDITION', 'This page is connected already.');
    connecting = true;
    // Without a cluster there is no session: the page may ask again.
    const cluster = await findCluster().catch((error: unknown) => {
      connecting = false;
      throw error;
    });
    session = new Session({ ...cluster, ...settings }, await kernels, {
      onWorkers: (workers, models) => post({ type: 'workers', workers, models }),
      onSharing: (sharing) => post({ type: 'sharing', sharing }),
    });
    return null;
  },
  setToken: async ({ token }) => {
    await connected().setToken(token);
    return null;
  },
  prepare,
  predict: (takes, { signal, tell }) => predict(connected(), takes, signal, tell),
  selfTest: async () => (await part(import('./self-test.js'))).selfTest(await kernels, loadGpu),
  readBatch: async (source, { signal, tell }) => {
    const { readBatch } = await part(import('../batch/read-batch.js'));
    return readBatch(source, tell, signal);
  },
  runBatch: async (takes, { signal, tell }) => {
    const { runBatch } = await part(import('../batch/run-batch.js'));
    return runBatch(connected(), takes, tell, signal);
  },
  plaintext: async (takes, { signal }) => {
    const { plaintext } = await part(import('../plaintext/plaintext.js'));
    return plaintext(connected(), takes, signal);
  },
  inspectModel: async (choice) => {
    const { inspectModel } = await part(import('../model/inspect.js'));
    inspected = null;
    inspected = await inspectModel(choice);
    return inspected.inspection;
  },
  openOwner: async ({ keyText }, { signal }) => {
    const { OwnerSession } = await part(import('../model/owner.js'));
    owner?.close();
    owner = null;
    const onModels = (models: readonly OwnedModel[]) => post({ type: 'owned', models });
    owner = await OwnerSession.open(connected().options, keyText, onModels, signal);
    return owner.models(signal);
  },
  closeOwner: () => {
    owner?.close();
    owner = null;
    return null;
  },
  shareModel: (wish, { signal, tell }) => {
    if (inspected === null) throw new TrivetError('FAILED_PRECONDITION', 'Choose a model file first.');
    const onProgress = (doneBytes: number, totalBytes: number) => tell({ doneBytes, totalBytes });
    return signedIn().share(inspected, wish, onProgress, signal);
  },
  commandOwner: async (command, { signal }) => {
    await signedIn().command(command, signal);
    return signedIn().models(signal);
  },
};

async function answer(message: Extract<ToWorker, { takes: unknown }>): Promise<void> {
  const { type, id, takes } = message;
  const controller = new AbortController();
  running.set(id, controller);
  try {
    const handler = handlers[type] as (takes: unknown, context: CallContext<CallName>) => unknown;
    const tell = (value: unknown) => post({ type: 'progress', id, value: value as never });
    const value = await handler(takes, { signal: controller.signal, tell: tell as never });
    post({ type: 'result', id, value: value as never });
  } catch (error) {
    const coded =
      error instanceof TrivetError
        ? error
        : new TrivetError('INTERNAL', error instanceof Error ? error.message : 'Something unknown failed.');
    post({ type: 'failure', id, error: coded.toBody() });
  } finally {
    running.delete(id);
  }
}

function post(message: FromWorker): void {
  self.postMessage(message);
}

self.addEventListener('message', (event) => {
  const message = (event as MessageEvent<ToWorker>).data;
  if (message.type === 'cancel') running.get(message.id)?.abort();
  else if (message.type === 'preference') session?.setPreference(message.preference);
  else void answer(message);
});
