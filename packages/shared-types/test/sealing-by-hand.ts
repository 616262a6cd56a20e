/**
 * A second implementation of sealed connections, after docs/wire.md and RFC 9180 alone: HPKE by HMAC and ECDH of
 * node:crypto, nothing of the product. The golden vectors are what it makes; the product is held to them, byte for byte.
 */
import { createCipheriv, createECDH, createHash, createHmac } from 'node:crypto';

export interface WorkerByHand {
  readonly index: number;
  readonly name: string;
  /** P-256 scalar, hex. */
  readonly secretKey: string;
}

/** The three keys that a connection makes and forgets: P-256 scalars, hex. */
export interface EphemeralSecrets {
  /** Of the first encapsulation, by the client. */
  readonly clientEncapsulation: string;
  /** To which the worker encapsulates. */
  readonly client: string;
  /** Of the second encapsulation, by the worker. */
  readonly workerEncapsulation: string;
}

export interface DirectionByHand {
  readonly key: Buffer;
  readonly nonce: Buffer;
}

export interface ConnectionByHand {
  readonly publicKey: string;
  readonly hello: Buffer;
  readonly answer: Buffer;
  readonly psk: Buffer;
  readonly clientToWorker: DirectionByHand;
  readonly workerToClient: DirectionByHand;
}

export type KindByHand = 'proof' | 'event' | 'answer' | 'push';

const VERSION = Buffer.from('HPKE-v1');
const KEM_SUITE = Buffer.from([...Buffer.from('KEM'), 0x00, 0x10]);
/** DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, export only. */
const HPKE_SUITE = Buffer.from([...Buffer.from('HPKE'), 0x00, 0x10, 0x00, 0x01, 0xff, 0xff]);
const MODE_BASE = 0;
const MODE_PSK = 1;
const NOTHING = Buffer.alloc(0);
const TITLE = 'trivet sealed connection v1';
const PSK_ID = Buffer.from(`${TITLE} psk`);

const hmac = (key: Buffer, ...parts: Buffer[]) =>
  createHmac('sha256', key).update(Buffer.concat(parts)).digest();

/** RFC 9180, section 4: LabeledExtract. */
function extract(suite: Buffer, salt: Buffer, label: string, ikm: Buffer): Buffer {
  return hmac(salt, VERSION, suite, Buffer.from(label), ikm);
}

/** RFC 9180, section 4: LabeledExpand; RFC 5869, section 2.3. */
function expand(suite: Buffer, prk: Buffer, label: string, info: Buffer, bytes: number): Buffer {
  const labelled = [Buffer.of(bytes >> 8, bytes & 255), VERSION, suite, Buffer.from(label), info];
  let block: Buffer = NOTHING;
  const blocks: Buffer[] = [];
  for (let number = 1; Buffer.concat(blocks).length < bytes; number++) {
    block = hmac(prk, block, ...labelled, Buffer.of(number));
    blocks.push(block);
  }
  return Buffer.concat(blocks).subarray(0, bytes);
}

function pair(secretKey: string) {
  const keys = createECDH('prime256v1');
  keys.setPrivateKey(secretKey, 'hex');
  return { publicKey: keys.getPublicKey(), agree: (other: Buffer) => keys.computeSecret(other) };
}

/** RFC 9180, section 4.1: Encap with this ephemeral key. */
function encapsulate(ephemeralSecret: string, recipient: Buffer) {
  const { publicKey: enc, agree } = pair(ephemeralSecret);
  const kemContext = Buffer.concat([enc, recipient]);
  const prk = extract(KEM_SUITE, NOTHING, 'eae_prk', agree(recipient));
  return { enc, secret: expand(KEM_SUITE, prk, 'shared_secret', kemContext, 32) };
}

/** RFC 9180, sections 5.1 and 5.3: KeySchedule, and Export of what it gives. */
function exporter(mode: number, shared: Buffer, info: Buffer, psk: Buffer, pskId: Buffer) {
  const context = Buffer.concat([
    Buffer.of(mode),
    extract(HPKE_SUITE, NOTHING, 'psk_id_hash', pskId),
    extract(HPKE_SUITE, NOTHING, 'info_hash', info),
  ]);
  const secret = extract(HPKE_SUITE, shared, 'secret', psk);
  const exporterSecret = expand(HPKE_SUITE, secret, 'exp', context, 32);
  return (label: string, bytes: number) =>
    expand(HPKE_SUITE, exporterSecret, 'sec', Buffer.from(label), bytes);
}

export function connectByHand(worker: WorkerByHand, secrets: EphemeralSecrets): ConnectionByHand {
  const { publicKey } = pair(worker.secretKey);
  const identity = Buffer.from(`${TITLE}\n${worker.index}\n${worker.name}\n${publicKey.toString('hex')}`);
  const first = encapsulate(secrets.clientEncapsulation, publicKey);
  const psk = exporter(MODE_BASE, first.secret, identity, NOTHING, NOTHING)(`${TITLE} psk`, 32);
  const client = pair(secrets.client).publicKey;
  const hello = Buffer.concat([Buffer.from('TVH1'), first.enc, client]);

  const digest = createHash('sha256').update(hello).digest();
  const info = Buffer.concat([identity, Buffer.from('\n'), digest]);
  const second = encapsulate(secrets.workerEncapsulation, client);
  const keyOf = exporter(MODE_PSK, second.secret, info, psk, PSK_ID);
  const direction = (name: string) => {
    const bytes = keyOf(`${TITLE} ${name}`, 44);
    return { key: bytes.subarray(0, 32), nonce: bytes.subarray(32) };
  };
  const clientToWorker = direction('client to worker');
  const workerToClient = direction('worker to client');
  const proof = sealByHand(workerToClient, 0, 'proof', 0, NOTHING);
  const answer = Buffer.concat([Buffer.from('TVH2'), second.enc, proof]);
  return { publicKey: publicKey.toString('hex'), hello, answer, psk, clientToWorker, workerToClient };
}

/** Record `number` of a direction. */
export function sealByHand(
  { key, nonce }: DirectionByHand,
  number: number,
  kind: KindByHand,
  answers: number,
  text: Buffer,
): Buffer {
  const own = Buffer.from(nonce);
  own.writeUInt32BE((own.readUInt32BE(8) ^ number) >>> 0, 8);
  const aad = Buffer.alloc(16);
  aad[0] = ['proof', 'event', 'answer', 'push'].indexOf(kind);
  aad.writeUInt32LE(answers, 8);
  const cipher = createCipheriv('aes-256-gcm', key, own, { authTagLength: 16 });
  cipher.setAAD(aad);
  return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
}

/** The text of a record. @param head as JSON */
export function textByHand(head: string, bytes: Uint8Array = NOTHING): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(Buffer.byteLength(head));
  return Buffer.concat([length, Buffer.from(head), bytes]);
}
