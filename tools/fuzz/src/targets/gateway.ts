/** The gateway: paths, bodies, and whole HTTP requests on a socket. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { gzipSync } from 'node:zlib';
import type { SharedModel } from '@trivet/client';
import { readBody } from '../../../../apps/cli/src/gateway/body.js';
import { startGateway } from '../../../../apps/cli/src/gateway/gateway.js';
import { HttpError } from '../../../../apps/cli/src/gateway/http-status.js';
import { parsePredictBody } from '../../../../apps/cli/src/gateway/predict-request.js';
import { parseRoute } from '../../../../apps/cli/src/gateway/routes.js';
import { CLUSTER, MANIFEST, OWNER_PUBLIC_KEY } from '../../../../packages/shared-types/test/fixtures.js';
import { promise, type Target } from '../target.js';
import { coded, json, textOf, utf8 } from './support.js';

const MODEL: SharedModel = {
  name: 'tiny',
  version: 1,
  digest: '0a'.repeat(32),
  ownerKey: OWNER_PUBLIC_KEY,
  manifest: MANIFEST,
  state: 'AVAILABLE',
  current: true,
  labels: [],
  served: 0,
  requestLimit: null,
  protocol: 'replicated',
  access: 'open',
  reveal: 'logits',
  classCount: 3,
  inputSize: 2,
  outputSize: 3,
};

const routes: Target = {
  name: 'gateway-paths',
  form: 'bytes',
  dictionary: [
    '/v1/models/',
    '/versions/',
    '/labels/',
    ':predict',
    ':classify',
    '/metadata',
    '%',
    '%00',
    '%2f',
    '%c3%28',
    '//',
  ],
  prepare: () => ({
    seeds: [
      'POST /v1/models/tiny:predict',
      'GET /v1/models/tiny/versions/12/metadata',
      'POST /v1/models/a%20b/labels/stable:classify',
      'GET /monitoring/prometheus/metrics',
    ].map(utf8),
    run(input) {
      const [method = '', ...rest] = Buffer.from(input).toString('latin1').split(' ');
      const route = parseRoute(method, rest.join(' '));
      promise(route.kind === 'metrics' || route.model.name.length > 0, 'a model without a name');
    },
    expects: coded('INVALID_ARGUMENT', 'NOT_FOUND'),
  }),
};

const bodies: Target = {
  name: 'gateway-bodies',
  form: 'json',
  dictionary: ['"instances"', '"inputs"', '"b64"', '"signature_name"'],
  prepare: () => ({
    seeds: [
      json({
        instances: [
          [0.5, 1],
          [0, -1],
        ],
      }),
      json({ inputs: { x: [[0.5, 1]] }, signature_name: 'serving_default' }),
      json({ instances: [{ x: { b64: Buffer.alloc(8).toString('base64') } }] }),
    ],
    run(input) {
      const body = parsePredictBody(textOf(input), MODEL);
      promise(body.values.length === body.count * MODEL.inputSize, 'a body of another size');
    },
    expects: coded('INVALID_ARGUMENT'),
  }),
};

const LIMIT = 4_096;

const encodings: Target = {
  name: 'gateway-gzip',
  form: 'bytes',
  bytesPerByte: 2_048,
  dictionary: ['\x1f\x8b\x08'],
  prepare: () => ({
    // The first byte: whether the headers say gzip.
    seeds: [
      Buffer.concat([Buffer.of(1), gzipSync('{"instances": [[1, 2]]}')]),
      Buffer.concat([Buffer.of(0), Buffer.from('{}')]),
      Buffer.concat([Buffer.of(1), gzipSync(Buffer.alloc(LIMIT, 32))]),
    ],
    async run(input) {
      const request = new PassThrough() as unknown as IncomingMessage & PassThrough;
      request.headers = (input[0] ?? 0) % 2 === 1 ? { 'content-encoding': 'gzip' } : {};
      const body = readBody(request, LIMIT);
      request.end(input.subarray(1));
      const text = await body;
      promise(text.length <= LIMIT, 'a body beyond its limit');
    },
    expects: (error) => error instanceof HttpError && [400, 413, 415].includes(error.status),
  }),
};

/** Nothing a client sends may be answered with these. */
const FAULTS = /^HTTP\/1\.1 (500|501|505) /;

const http: Target = {
  name: 'gateway-http',
  form: 'bytes',
  maxMs: 5_000,
  dictionary: [
    'Host: localhost\r\n',
    'Content-Length: 99999999999\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Content-Encoding: gzip\r\n',
    'Origin: http://evil.example\r\n',
    'Expect: 100-continue\r\n',
    'Upgrade: websocket\r\n',
    '\r\n\r\n',
    'GET /v1/models/tiny HTTP/1.1\r\n',
    'OPTIONS * HTTP/1.1\r\n',
  ],
  async prepare() {
    // Nobody listens on these ports.
    const workers = CLUSTER.workers.map((worker, index) => ({
      ...worker,
      url: `http://127.0.0.1:${index + 1}`,
    }));
    const gateway = await startGateway({
      cluster: { ...CLUSTER, workers } as never,
      host: '127.0.0.1',
      port: 0,
    });
    const port = Number(new URL(gateway.url).port);
    const request = (start: string, body = '') =>
      utf8(
        `${start} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    return {
      seeds: [
        request('POST /v1/models/tiny:predict', '{"instances": [[1, 2]]}'),
        request('GET /v1/models/tiny'),
        request('GET /monitoring/prometheus/metrics'),
      ],
      async run(input) {
        const socket = connect(port, '127.0.0.1');
        const chunks: Buffer[] = [];
        socket.on('data', (chunk: Buffer) => chunks.push(chunk));
        socket.on('error', () => undefined);
        const closed = once(socket, 'close');
        socket.end(input);
        await closed;
        const answer = Buffer.concat(chunks).toString('latin1');
        promise(!FAULTS.test(answer), `answered ${answer.slice(0, 12)}`);
        promise(answer === '' || answer.startsWith('HTTP/1.1 '), 'answered something that is no HTTP');
        // A second request on one connection is answered in its turn.
      },
      expects: () => false,
      close: () => gateway.stop(),
    };
  },
};

export const GATEWAY: readonly Target[] = [routes, bodies, encodings, http];
