/**
 * How a client and a worker come to the keys of a connection: two HPKE key exchanges (RFC 9180), one message each way.
 *
 * The client encapsulates to the worker's long-lived key, which it knows from the signed cluster file: only that worker
 * can follow. The worker encapsulates back to a key that the client made for this connection, in mode PSK with a secret
 * of the first exchange. The connection's keys come out of the second one, so they need both: the worker's long-lived
 * key, and two keys that are gone when the connection is. Recorded traffic stays closed to whoever steals the worker's
 * key later, and nothing that was said on one connection is of use on another, which has another key of the worker.
 * (The order of messages is that of Noise's pattern NK.)
 *
 *   hello   "TVH1" | enc 65 | the client's key for this connection 65
 *   answer  "TVH2" | enc 65 | tag 16: an empty record of the worker, which proves that it has the keys
 *
 * Bound into the keys: index and name of the worker, its public key, and the hello.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { TrivetError } from '../errors.js';
import { Redacted } from '../redacted.js';
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES, AEAD_TAG_BYTES, requireWebCrypto } from './aead.js';
import {
  isSealingPublicKey,
  SEALING_KEY_BYTES,
  type SealingWorker,
  suite,
  type WorkerIdentity,
} from './keys.js';

const HELLO_MAGIC = utf8ToBytes('TVH1');
const ANSWER_MAGIC = utf8ToBytes('TVH2');
const HELLO_BYTES = HELLO_MAGIC.length + 2 * SEALING_KEY_BYTES;
const ANSWER_BYTES = ANSWER_MAGIC.length + SEALING_KEY_BYTES + AEAD_TAG_BYTES;

const PSK_ID = utf8ToBytes('trivet sealed connection v1 psk');
const CLIENT_TO_WORKER = utf8ToBytes('trivet sealed connection v1 client to worker');
const WORKER_TO_CLIENT = utf8ToBytes('trivet sealed connection v1 worker to client');

/** Key and first nonce of one direction: for a sealer or an opener, which wipes the key when the connection ends. */
export class DirectionKeys extends Redacted {
  constructor(
    readonly key: Uint8Array,
    readonly nonce: Uint8Array,
  ) {
    super();
  }

  toString(): string {
    return '[keys of a sealed connection]';
  }
}

export interface ConnectionKeys {
  readonly clientToWorker: DirectionKeys;
  readonly workerToClient: DirectionKeys;
}

export interface ClientHello {
  readonly hello: Uint8Array;
  /**
   * The keys, from the worker's answer, and the record that proves that the worker has them, to be opened first.
   * @throws TrivetError INVALID_ARGUMENT when it is malformed
   */
  finish(answer: Uint8Array): Promise<{ readonly keys: ConnectionKeys; readonly proof: Uint8Array }>;
}

/** Begins a connection to a worker. @throws TrivetError INVALID_ARGUMENT, FAILED_PRECONDITION */
export async function createHello(worker: WorkerIdentity): Promise<ClientHello> {
  requireWebCrypto();
  if (!isSealingPublicKey(worker.publicKey)) {
    throw new TrivetError(
      'INVALID_ARGUMENT',
      `The public key of worker "${worker.name}" is no point of P-256.`,
    );
  }
  const recipientPublicKey = await suite.kem.deserializePublicKey(hexToBytes(worker.publicKey));
  const outer = await suite.createSenderContext({ recipientPublicKey, info: identityInfo(worker) });
  const own = await suite.kem.generateKeyPair();
  const ownPublic = new Uint8Array(await suite.kem.serializePublicKey(own.publicKey));
  const hello = concatBytes(HELLO_MAGIC, new Uint8Array(outer.enc), ownPublic);
  const psk = { id: PSK_ID, key: await outer.export(PSK_ID, AEAD_KEY_BYTES) };
  return {
    hello,
    async finish(answer) {
      const [enc, proof] = split(answer, ANSWER_MAGIC, ANSWER_BYTES);
      const info = connectionInfo(worker, hello);
      const inner = await suite
        .createRecipientContext({ recipientKey: own, enc, info, psk })
        .catch(() => fail('The answer has a key that is no point of P-256.'));
      return { keys: await exportKeys(inner), proof };
    },
  };
}

/**
 * The worker's side.
 * @param prove seals an empty record with the worker's direction, its first
 * @throws TrivetError INVALID_ARGUMENT when the hello is malformed
 */
export async function answerHello(
  worker: SealingWorker,
  hello: Uint8Array,
  prove: (keys: ConnectionKeys) => Uint8Array,
): Promise<Uint8Array> {
  const [enc, clientKey] = split(hello, HELLO_MAGIC, HELLO_BYTES);
  const refuse = () => fail('The hello has a key that is no point of P-256.');
  const outer = await suite
    .createRecipientContext({ recipientKey: worker.keys, enc, info: identityInfo(worker) })
    .catch(refuse);
  const recipientPublicKey = await suite.kem.deserializePublicKey(clientKey).catch(refuse);
  const inner = await suite.createSenderContext({
    recipientPublicKey,
    info: connectionInfo(worker, hello),
    psk: { id: PSK_ID, key: await outer.export(PSK_ID, AEAD_KEY_BYTES) },
  });
  return concatBytes(ANSWER_MAGIC, new Uint8Array(inner.enc), prove(await exportKeys(inner)));
}

/** A message's two parts after its magic, the first of which is a public key. */
function split(
  message: Uint8Array,
  magic: Uint8Array,
  bytes: number,
): [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>] {
  if (message.length !== bytes || !magic.every((byte, at) => message[at] === byte)) {
    fail('The beginning of a sealed connection is malformed.');
  }
  const middle = magic.length + SEALING_KEY_BYTES;
  // Copies: WebCrypto refuses views of memory that is larger in some places.
  return [new Uint8Array(message.subarray(magic.length, middle)), new Uint8Array(message.subarray(middle))];
}

function identityInfo({ index, name, publicKey }: WorkerIdentity): Uint8Array {
  return utf8ToBytes(`trivet sealed connection v1\n${index}\n${name}\n${publicKey}`);
}

function connectionInfo(worker: WorkerIdentity, hello: Uint8Array): Uint8Array {
  return concatBytes(identityInfo(worker), utf8ToBytes('\n'), sha256(hello));
}

interface Exporter {
  export(context: Uint8Array, bytes: number): Promise<ArrayBuffer>;
}

async function exportKeys(context: Exporter): Promise<ConnectionKeys> {
  const direction = async (label: Uint8Array): Promise<DirectionKeys> => {
    const bytes = new Uint8Array(await context.export(label, AEAD_KEY_BYTES + AEAD_NONCE_BYTES));
    return new DirectionKeys(bytes.subarray(0, AEAD_KEY_BYTES), bytes.subarray(AEAD_KEY_BYTES));
  };
  return {
    clientToWorker: await direction(CLIENT_TO_WORKER),
    workerToClient: await direction(WORKER_TO_CLIENT),
  };
}

function fail(sentence: string): never {
  throw new TrivetError('INVALID_ARGUMENT', sentence);
}
