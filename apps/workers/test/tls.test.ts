/** The client endpoint over TLS: one worker process, certificates that change while it runs. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { PemConverter, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';
import {
  type ClientChannel,
  EVENTS,
  joinedParser,
  type Outcome,
  openChannel,
  type WorkerStatus,
} from '@trivet/shared-types';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CreatedCluster, createCluster } from '../src/cluster/create.js';
import { freePorts, until, WorkerProcess } from './support/cluster.js';
import { KillPoints } from './support/kill-points.js';

let root: string;
let created: CreatedCluster;
let alice: WorkerProcess;
let socket: Socket;
let port: number;
let certificateFile: string;
let keyFile: string;

/** A certificate that signs itself, for localhost. */
async function selfSigned(): Promise<{ certificate: string; key: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: 'CN=localhost',
      notBefore: new Date(Date.now() - 86_400_000),
      notAfter: new Date(Date.now() + 86_400_000),
      keys,
      signingAlgorithm: algorithm,
      extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }])],
    },
    webcrypto as never,
  );
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { certificate: certificate.toString('pem'), key: PemConverter.encode(pkcs8, 'PRIVATE KEY') };
}

async function put({ certificate, key }: { certificate: string; key: string }): Promise<void> {
  await writeFile(certificateFile, certificate);
  await writeFile(keyFile, key, { mode: 0o600 });
}

/** What a client that connects now is shown. */
function shown(): Promise<string> {
  return new Promise((resolve, reject) => {
    const tls = connect(
      { port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false },
      () => {
        const pem = tls.getPeerX509Certificate()!.toString();
        tls.destroy();
        resolve(pem.trim());
      },
    );
    tls.once('error', reject);
  });
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'trivet-tls-'));
  const ports = await freePorts(6);
  port = ports[0]!;
  const worker = (name: string, at: number) => {
    const clientPort = ports[at]!;
    return {
      name,
      host: 'localhost',
      clientPort,
      meshPort: ports[at + 3]!,
      url: `https://localhost:${clientPort}`,
    };
  };
  created = await createCluster(join(root, 'cluster'), {
    workers: [worker('alice', 0), worker('bob', 1), worker('carol', 2)],
  });
  const [configFile] = created.configFiles;
  certificateFile = join(root, 'client.pem');
  keyFile = join(root, 'client.key');
  const config = JSON.parse(await readFile(configFile, 'utf8'));
  config.client.tls = { certificate: certificateFile, key: keyFile };
  await writeFile(configFile, JSON.stringify(config));
  alice = new WorkerProcess(configFile, new KillPoints(join(root, 'steps')));
}, 60_000);

afterAll(async () => {
  socket?.close();
  await alice?.stop('SIGKILL');
  await rm(root, { recursive: true, force: true });
});

it('does not start with a certificate and a key that do not fit, and says so in one sentence', async () => {
  const [one, other] = [await selfSigned(), await selfSigned()];
  await put({ certificate: one.certificate, key: other.key });
  await expect(alice.start()).rejects.toThrow(/client\.pem cannot be used with the key/);
});

it('speaks TLS, takes new certificates while it runs, and keeps the old one when the new one is of no use', async () => {
  const first = await selfSigned();
  await put(first);
  await alice.start();
  expect(await shown()).toBe(first.certificate.trim());

  // A client of the whole way: TLS that it verifies, and the sealed connection inside.
  const [{ url, index, name, sealingKey: publicKey }] = created.cluster.workers;
  socket = io(url, {
    transports: ['websocket'],
    parser: joinedParser,
    ca: first.certificate,
    reconnection: false,
  });
  await new Promise((resolve, reject) =>
    socket.once('connect', () => resolve(null)).once('connect_error', reject),
  );
  const hooks = { push: () => {}, broken: () => {} };
  const channel: ClientChannel = await openChannel(socket, { index, name, publicKey }, hooks);
  const status = () =>
    new Promise<Outcome<WorkerStatus>>((resolve) =>
      channel.send(EVENTS.describe, {}, (outcome) => resolve(outcome as Outcome<WorkerStatus>)),
    );
  expect(await status()).toMatchObject({ ok: true, value: { worker: { name: 'alice' } } });

  const second = await selfSigned();
  await put(second);
  await until(async () => (await shown()) === second.certificate.trim(), 'the new certificate', 30_000);
  // The connection of before goes on.
  expect(await status()).toMatchObject({ ok: true });

  // Files as they are while they are written, and files that are none: each is complained of, and changes nothing.
  const complaints = () =>
    alice.lines.filter(({ msg }) => String(msg).includes('the one of before stays')).length;
  for (const [file, text] of [
    [certificateFile, ''],
    [certificateFile, second.certificate.slice(0, 200)],
    [certificateFile, 'nonsense'],
    [keyFile, ''],
  ] as const) {
    await put(second);
    await writeFile(file, text);
    const before = complaints();
    alice.child!.kill('SIGHUP');
    await until(() => complaints() > before, 'the complaint in the log', 30_000);
    expect(await shown()).toBe(second.certificate.trim());
  }
  expect(JSON.stringify(alice.lines)).not.toContain(second.key.split('\n')[1]!);

  const third = await selfSigned();
  await put(third);
  alice.child!.kill('SIGHUP');
  await until(async () => (await shown()) === third.certificate.trim(), 'the third certificate', 30_000);
  expect(await status()).toMatchObject({ ok: true });
}, 120_000);
