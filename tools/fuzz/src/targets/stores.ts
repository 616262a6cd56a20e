/** What a worker reads from its disk: files at rest, shares, records, keys, configuration, certificates. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeyRing, openBytes, parseKeyRing, printKeyRing, sealBytes } from '@trivet/at-rest';
import { createKernels, InvalidModelError, shareModel } from '@trivet/mpc-core';
import { canonicalJson, parseJson, readClusterText, signServingOrder } from '@trivet/shared-types';
import { createCluster, upgradeCluster, workerConfigSchema } from '@trivet/workers';
import { checkCertificate } from '../../../../apps/workers/src/config/certificate.js';
import { accessUseSchema, serveRecordSchema } from '../../../../apps/workers/src/store/model-store.js';
import { parseStoredModel } from '../../../../apps/workers/src/store/stored-model.js';
import { decodeShareFile } from '../../../../packages/mpc-core/src/sharing/weights.js';
import { CLUSTER_ID, MANIFEST, OWNER_SECRET_KEY } from '../../../../packages/shared-types/test/fixtures.js';
import { promise, type Target } from '../target.js';
import { coded, json, requirePlain, textOf, utf8 } from './support.js';

const KEY = Buffer.alloc(32, 0x5a);
const NAME = 'tiny@1.model';

const envelope: Target = {
  name: 'envelope',
  form: 'bytes',
  maxMs: 2_000,
  dictionary: ['TRIVET\0'],
  async prepare() {
    const ring = KeyRing.ofKeys([KEY]);
    const sealed = async (content: Uint8Array) => Buffer.concat(await sealBytes(ring, NAME, [content]));
    const seeds = [
      await sealed(Buffer.alloc(0)),
      await sealed(Buffer.from('content')),
      await sealed(Buffer.alloc(70_000, 7)),
    ];
    const contents = new Set([0, 7, 70_000]);
    return {
      seeds,
      async run(input) {
        const content = await openBytes(ring, NAME, Buffer.from(input), 'the file');
        promise(contents.has(content.length), 'a changed file is opened');
        promise(
          seeds.some((seed) => seed.equals(input)),
          'a changed file is opened',
        );
      },
      expects: coded('FAILED_PRECONDITION'),
    };
  },
};

const keyFile: Target = {
  name: 'key-file',
  form: 'bytes',
  dictionary: ['#', '\r\n', KEY.toString('hex')],
  prepare: () => ({
    seeds: [utf8(printKeyRing([KEY, Buffer.alloc(32, 1)])), utf8(`${KEY.toString('hex')}\r\n`)],
    run(input) {
      const keys = parseKeyRing(textOf(input), 'The key file');
      promise(
        keys.every((key) => key.length === 32),
        'a key that is none',
      );
    },
    expects: (error) => coded('INVALID_ARGUMENT')(error) && !/[0-9a-f]{16}/.test((error as Error).message),
  }),
};

const shareFile: Target = {
  name: 'share-file',
  form: 'bytes',
  dictionary: ['TVS1'],
  async prepare() {
    const plan = MANIFEST.plan as Parameters<typeof decodeShareFile>[2];
    const weights = [new Float64Array(6).fill(0.5), new Float64Array(3).fill(-1)];
    const files = shareModel({ plan, weights } as never, await createKernels('typescript'));
    return {
      // The first byte: whose share it is.
      seeds: files.map((file, party) => Buffer.concat([Buffer.of(party), file])),
      run(input) {
        const [first, second] = decodeShareFile(input.subarray(1), (input[0] ?? 0) % 3, plan);
        for (const part of [first, second]) {
          promise(
            part.kind === 'seed' ? part.seed.length === 32 : part.words.length === 72,
            'a part of another size',
          );
        }
      },
      expects: (error) => error instanceof InvalidModelError,
    };
  },
};

const SIGNED_ORDER = signServingOrder(
  {
    format: 1,
    clusterId: CLUSTER_ID,
    model: 'tiny',
    sequence: 1,
    since: 1,
    requestLimit: null,
    versions: [],
    current: null,
    labels: {},
  },
  OWNER_SECRET_KEY,
);

const serveRecord: Target = {
  name: 'serve-record',
  form: 'json',
  prepare: () => ({
    seeds: [
      json({ inForce: SIGNED_ORDER, next: null, served: 5, past: ['0a'.repeat(32)] }),
      json({ inForce: null, next: SIGNED_ORDER, served: 0, past: [] }),
    ],
    run: (input) => requirePlain(parseJson(serveRecordSchema, textOf(input), 'The record')),
    expects: coded('INVALID_ARGUMENT'),
  }),
};

const accessUse: Target = {
  name: 'access-use',
  form: 'json',
  prepare: () => ({
    seeds: [json({ '0011223344556677': 5, '8899aabbccddeeff': 0 }), json({})],
    run: (input) => requirePlain(parseJson(accessUseSchema, textOf(input), 'The record')),
    expects: coded('INVALID_ARGUMENT'),
  }),
};

const storedModel: Target = {
  name: 'stored-model',
  form: 'bytes',
  prepare() {
    const text = Buffer.from(
      canonicalJson({ text: '{}', ownerKey: 'ab'.repeat(32), signature: 'cd'.repeat(64) }),
    );
    const length = Buffer.alloc(4);
    length.writeUInt32LE(text.length);
    return {
      seeds: [Buffer.concat([length, text, Buffer.alloc(40, 3)])],
      run(input) {
        const { manifest, shareFile: share } = parseStoredModel(Buffer.from(input), 'the file');
        requirePlain(manifest);
        promise(share.length <= input.length - 4, 'a share longer than its file');
      },
      expects: coded('FAILED_PRECONDITION', 'INVALID_ARGUMENT'),
    };
  },
};

/** A cluster on disk, for its files. */
async function inCluster<T>(read: (file: (name: string) => Buffer) => T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'trivet-fuzz-'));
  try {
    await createCluster(join(folder, 'cluster'));
    return read((name) => readFileSync(join(folder, 'cluster', name)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const clusterUpgrade: Target = {
  name: 'cluster-upgrade',
  form: 'json',
  maxMs: 2_000,
  async prepare() {
    const root = mkdtempSync(join(tmpdir(), 'trivet-fuzz-'));
    const folder = join(root, 'cluster');
    const { cluster, clusterFile } = await createCluster(folder);
    const files = () => readdirSync(root, { recursive: true }).sort().join('\n');
    const there = files();
    const { signature: _, workers, ...rest } = cluster;
    const earlier = { ...rest, workers: workers.map(({ sealingKey: _, ...worker }) => worker) };
    return {
      seeds: [json(earlier), json(cluster)],
      async run(input) {
        writeFileSync(clusterFile, input);
        const upgraded = await upgradeCluster(folder).catch((error: unknown) => {
          promise(readFileSync(clusterFile).equals(input), 'a file that was refused is changed');
          promise(files() === there, 'files are left behind');
          throw error;
        });
        const written = readClusterText(readFileSync(clusterFile, 'utf8'), 'The cluster file');
        promise(
          canonicalJson(written) === canonicalJson(upgraded.cluster),
          'another file is written than is told',
        );
        const keys = written.workers.map(({ sealingKey }) => sealingKey);
        promise(
          cluster.workers.every(({ sealingKey }) => keys.includes(sealingKey)) && upgraded.made.length === 0,
          'keys are made anew that are there',
        );
        promise(files() === there, 'files are left behind');
      },
      expects: coded('INVALID_ARGUMENT', 'FAILED_PRECONDITION', 'PERMISSION_DENIED'),
      close: () => rmSync(root, { recursive: true }),
    };
  },
};

const workerConfig: Target = {
  name: 'worker-config',
  form: 'json',
  async prepare() {
    return {
      seeds: await inCluster((file) => [file('alice/alice.json'), file('carol/carol.json')]),
      run(input) {
        const config = parseJson(workerConfigSchema, textOf(input), 'The configuration');
        requirePlain(config);
        const others = config.mesh.peers.map(({ index }) => index);
        promise(new Set([config.index, ...others]).size === 3, 'a worker is its own peer');
      },
      expects: coded('INVALID_ARGUMENT'),
    };
  },
};

const certificate: Target = {
  name: 'certificate',
  form: 'bytes',
  dictionary: ['-----BEGIN CERTIFICATE-----', '-----END CERTIFICATE-----', '\n'],
  async prepare() {
    const [pem, config] = await inCluster((file) => [
      file('alice/tls.pem'),
      workerConfigSchema.parse(JSON.parse(file('alice/alice.json').toString('utf8'))),
    ]);
    return {
      seeds: [pem],
      run: (input) => checkCertificate(Buffer.from(input).toString('latin1'), config),
      expects: coded('FAILED_PRECONDITION'),
    };
  },
};

export const STORES: readonly Target[] = [
  envelope,
  keyFile,
  shareFile,
  serveRecord,
  accessUse,
  storedModel,
  clusterUpgrade,
  workerConfig,
  certificate,
];
