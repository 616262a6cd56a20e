/** `trivet gateway` as an existing TensorFlow Serving client meets it, before three real worker processes. */
import { once } from 'node:events';
import { type ClientRequest, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { ModelOwner, PredictionClient } from '@trivet/client';
import { IMAGE_SIZE, loadMnist } from '@trivet/mnist';
import { compile, type LayerGraph } from '@trivet/mpc-core';
import {
  compileModelFile,
  type LocalCluster,
  MNIST_INPUT_RANGE,
  MNIST_PREPROCESSING,
  startLocalCluster,
  toModelInputs,
} from '@trivet/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../../src/gateway/gateway.js';
import { start } from '../support.js';

const SHARED = new URL('../../../../../shared/models/', import.meta.url);
const TUTORIAL_MODEL = fileURLToPath(new URL('short-conv-mnist.h5', SHARED));
const HALF_PLUS_TWO = fileURLToPath(new URL('half_plus_two', SHARED));
const MAX_BODY = 100_000;
const PAGE = 'https://page.example';

let cluster: LocalCluster;
let owner: ModelOwner;
let gateway: Gateway;
const notices: string[] = [];

/** y = 2 x. */
const double: LayerGraph = {
  name: 'double',
  input: 'input',
  inputShape: [1],
  output: 'dense',
  nodes: [
    {
      name: 'dense',
      inputs: ['input'],
      layer: { type: 'Dense', kernel: { shape: [1, 1], values: Float64Array.of(2) }, activation: 'linear' },
    },
  ],
};

beforeAll(async () => {
  cluster = await startLocalCluster();
  const { workers, clusterId } = cluster.cluster;
  owner = await ModelOwner.connect({ workers, clusterId, ownerSecretKey: cluster.ownerSecretKey });
  const inputRange = { min: -100, max: 100 };
  await owner.share({
    ...(await compileModelFile(HALF_PLUS_TWO, inputRange)),
    name: 'half_plus_two',
    version: 123,
    preprocessing: null,
    inputRange,
    labels: null,
  });
  await owner.share({
    ...(await compileModelFile(TUTORIAL_MODEL, MNIST_INPUT_RANGE)),
    name: 'mnist',
    preprocessing: MNIST_PREPROCESSING,
    inputRange: MNIST_INPUT_RANGE,
    labels: null,
  });
  await owner.startServing('half_plus_two');
  await owner.startServing('mnist');
  gateway = await startGateway({
    cluster: cluster.cluster,
    host: '127.0.0.1',
    port: 0,
    origins: [PAGE],
    maxBodyBytes: MAX_BODY,
    onNotice: (sentence) => notices.push(sentence),
  });
}, 60_000);

afterAll(async () => {
  await gateway?.stop();
  owner?.close();
  await cluster?.stop();
});

interface Answered {
  readonly status: number;
  readonly text: string;
}

async function ask(path: string, body?: unknown, init: RequestInit = {}): Promise<Answered> {
  const raw = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
  const text = raw ? (body as BodyInit | undefined) : JSON.stringify(body);
  const method = text === undefined ? 'GET' : 'POST';
  const response = await fetch(gateway.url + path, {
    method,
    ...(text === undefined ? {} : { body: text }),
    ...init,
  });
  return { status: response.status, text: await response.text() };
}

const predict = (body: unknown, model = 'half_plus_two') => ask(`/v1/models/${model}:predict`, body);

/** The status and the sentence of an error, which is all that its body holds. */
async function failure(answered: Promise<Answered>): Promise<readonly [number, string]> {
  const { status, text } = await answered;
  const body = JSON.parse(text);
  expect(Object.keys(body)).toEqual(['error']);
  return [status, body.error];
}

describe('half_plus_two', () => {
  it('rows and columns', async () => {
    const rows = '{"predictions": [2.5, 3.0, 4.5]}\n';
    const columns = '{"outputs": [2.5, 3.0, 4.5]}\n';
    expect(await predict({ instances: [1.0, 2.0, 5.0] })).toEqual({ status: 200, text: rows });
    expect(await predict({ inputs: [1.0, 2.0, 5.0] })).toEqual({ status: 200, text: columns });
    expect(await predict({ instances: [{ x: 1 }, { x: 2 }, { x: 5 }] })).toEqual({ status: 200, text: rows });
    expect((await predict({ instances: [[-1], [0.1]] })).text).toBe('{"predictions": [[1.5], [2.05]]}\n');
  });

  it('by version', async () => {
    const at = (where: string) => ask(`/v1/models/half_plus_two${where}:predict`, { instances: [1] });
    expect((await at('/versions/123')).text).toBe('{"predictions": [2.5]}\n');
    expect(await failure(at('/versions/124'))).toEqual([404, expect.stringContaining('124')]);
    expect(await failure(at('/labels/canary'))).toEqual([404, expect.stringContaining('label')]);
  });

  it('gzip', async () => {
    const body = gzipSync(JSON.stringify({ instances: [1] }));
    const headers = { 'content-encoding': 'gzip' };
    const { status, text } = await ask('/v1/models/half_plus_two:predict', '', { body, headers });
    expect([status, text]).toEqual([200, '{"predictions": [2.5]}\n']);
    const other = ask('/v1/models/half_plus_two:predict', '', {
      body,
      headers: { 'content-encoding': 'br' },
    });
    expect((await failure(other))[0]).toBe(415);
  });

  it('status and metadata', async () => {
    for (const path of ['', '/versions/123']) {
      expect(JSON.parse((await ask(`/v1/models/half_plus_two${path}`)).text)).toEqual({
        model_version_status: [
          { version: '123', state: 'AVAILABLE', status: { error_code: 'OK', error_message: '' } },
        ],
      });
    }
    const metadata = JSON.parse((await ask('/v1/models/half_plus_two/metadata')).text);
    expect(metadata.model_spec).toEqual({ name: 'half_plus_two', signature_name: '', version: '123' });
    const { inputs, outputs } = metadata.metadata.signature_def.signature_def.serving_default;
    expect([inputs.x.name, outputs.y.name]).toEqual(['x:0', 'y:0']);
  });
});

describe('an MNIST batch', () => {
  it('is answered as the client answers', async () => {
    const mnist = await loadMnist('test');
    const indices = [0, 1, 2, 3, 4];
    const inputs = toModelInputs(mnist, indices, 255);
    const instances = indices.map((index) =>
      Array.from({ length: 28 }, (_, row) =>
        Array.from({ length: 28 }, (_, column) => [inputs[index * IMAGE_SIZE + row * 28 + column]]),
      ),
    );
    const { workers, clusterId, ownerKey } = cluster.cluster;
    const client = await PredictionClient.connect({ workers, clusterId, ownerKey });
    const expected = await client.predict('mnist', inputs).finally(() => client.close());
    const { status, text } = await predict({ instances }, 'mnist');
    expect(status).toBe(200);
    const rows: number[][] = JSON.parse(text).predictions;
    const bytes = instances.map((_, index) => ({
      b64: Buffer.from(mnist.images.subarray(index * IMAGE_SIZE, (index + 1) * IMAGE_SIZE)).toString(
        'base64',
      ),
    }));
    const fromBytes: number[][] = JSON.parse((await predict({ inputs: bytes }, 'mnist')).text).outputs;
    for (const answer of [rows, fromBytes]) {
      expect(answer.map((row) => row.indexOf(Math.max(...row)))).toEqual([...expected.classes]);
      // Two runs truncate differently, by a unit each time: docs/protocols.md.
      answer.flat().forEach((value, index) => {
        expect(Math.abs(value - expected.probabilities![index]!)).toBeLessThan(0.002);
      });
    }
  });

  it('of another shape is refused, without its numbers', async () => {
    const [status, sentence] = await failure(predict({ instances: [Array(784).fill(0.125)] }, 'mnist'));
    expect([status, sentence]).toEqual([400, expect.stringContaining('[28, 28, 1], not [784]')]);
    expect(sentence).not.toContain('0.125');
  });
});

describe('mistakes', () => {
  it.each([
    ['an unknown model', 'nobody', { instances: [1] }, 404, /No model "nobody"/],
    ['bad JSON', 'half_plus_two', '{"instances": [1.0, ', 400, /not valid JSON/],
    ['both keys', 'half_plus_two', { instances: [1], inputs: [1] }, 400, /both/],
    ['neither key', 'half_plus_two', {}, 400, /neither/],
    ['another signature', 'half_plus_two', { signature_name: 'x', instances: [1] }, 400, /serving_default/],
    ['a wrong shape', 'half_plus_two', { instances: [[1, 2]] }, 400, /not \[2\]/],
    ['a number out of range', 'half_plus_two', { instances: [101] }, 400, /outside -100 to 100/],
    ['a number beyond floats', 'half_plus_two', '{"instances": [1e999]}', 400, /not a finite number/],
    ['no UTF-8', 'half_plus_two', Buffer.from([0x22, 0xff, 0x22]), 400, /UTF-8/],
  ])('%s', async (_, model, body, status, sentence) => {
    expect(await failure(predict(body, model))).toEqual([status, expect.stringMatching(sentence)]);
  });

  it('classify and regress: known model 400, unknown 404', async () => {
    for (const verb of ['classify', 'regress']) {
      const body = { examples: [{ x: 1 }] };
      expect((await failure(ask(`/v1/models/half_plus_two:${verb}`, body)))[0]).toBe(400);
      expect((await failure(ask(`/v1/models/nobody:${verb}`, body)))[0]).toBe(404);
    }
  });

  it('paths and methods', async () => {
    expect((await failure(ask('/')))[0]).toBe(404);
    expect((await failure(ask('/v1/models/nobody')))[0]).toBe(404);
    expect((await failure(ask('/v1/models/nobody/metadata')))[0]).toBe(404);
    expect((await failure(ask('/v1/models/half_plus_two:predict')))[0]).toBe(400);
  });

  it('a model that is shared and not served', async () => {
    await owner.stop('half_plus_two');
    try {
      expect(await failure(predict({ instances: [1] }))).toEqual([
        404,
        expect.stringContaining('trivet serve half_plus_two'),
      ]);
      const status = JSON.parse((await ask('/v1/models/half_plus_two')).text);
      expect(status.model_version_status[0].state).not.toBe('AVAILABLE');
    } finally {
      await owner.startServing('half_plus_two');
    }
  });
});

describe('limits', () => {
  const ofSize = (bytes: number) => {
    const body = '{"instances": [1]}';
    return body + ' '.repeat(bytes - body.length);
  };
  /** Without Content-Length, so that only counting can find it out. */
  const chunked = (bytes: number) =>
    new Promise<number>((resolve, reject) => {
      const request = httpRequest(
        `${gateway.url}/v1/models/half_plus_two:predict`,
        { method: 'POST' },
        (response) => {
          response.resume();
          resolve(response.statusCode!);
        },
      );
      request.once('error', reject);
      const text = ofSize(bytes);
      request.write(text.slice(0, 50_000));
      request.end(text.slice(50_000));
    });

  it('a body as large as allowed, and one byte more', async () => {
    expect((await predict(ofSize(MAX_BODY))).status).toBe(200);
    expect(await failure(predict(ofSize(MAX_BODY + 1)))).toEqual([
      413,
      expect.stringContaining('--max-body'),
    ]);
    expect(await chunked(MAX_BODY)).toBe(200);
    expect(await chunked(MAX_BODY + 1)).toBe(413);
  });

  it('a small body that unpacks to a large one', async () => {
    const send = (bytes: number) =>
      ask('/v1/models/half_plus_two:predict', '', {
        body: gzipSync(ofSize(bytes)),
        headers: { 'content-encoding': 'gzip' },
      });
    expect((await send(MAX_BODY)).status).toBe(200);
    expect((await failure(send(MAX_BODY + 1)))[0]).toBe(413);
    const broken = ask('/v1/models/half_plus_two:predict', '', {
      body: gzipSync(ofSize(100)).subarray(0, 30),
      headers: { 'content-encoding': 'gzip' },
    });
    expect((await failure(broken))[0]).toBe(400);
  });

  it('seventeen predictions at once: the last is told to come again', async () => {
    const open: ClientRequest[] = [];
    // "100 Continue" tells that the gateway has taken the request up; without it, who comes last is a matter of chance.
    const takenUp = Array.from(
      { length: 16 },
      () =>
        new Promise<void>((resolve, reject) => {
          const request = httpRequest(`${gateway.url}/v1/models/half_plus_two:predict`, {
            method: 'POST',
            // Each on a connection of its own: a kept one may be closed by the gateway at this very moment.
            agent: false,
            headers: { expect: '100-continue' },
          });
          open.push(request);
          request.once('continue', resolve).once('error', reject);
          request.flushHeaders();
        }),
    );
    try {
      await Promise.all(takenUp);
      expect((await predict({ instances: [1] })).status).toBe(429);
    } finally {
      for (const request of open) request.on('error', () => undefined).destroy();
    }
    await expect.poll(async () => (await predict({ instances: [1] })).status, { timeout: 10_000 }).toBe(200);
  });
});

describe('pages and names', () => {
  const withHeaders = (headers: Record<string, string>, method = 'GET') =>
    new Promise<{ status: number; headers: NodeJS.Dict<string | string[]> }>((resolve, reject) => {
      const request = httpRequest(
        `${gateway.url}/v1/models/half_plus_two`,
        { method, headers },
        (response) => {
          response.resume();
          resolve({ status: response.statusCode!, headers: response.headers });
        },
      );
      request.once('error', reject);
      request.end();
    });

  it('an allowed page may ask', async () => {
    const preflight = await withHeaders(
      {
        origin: PAGE,
        'access-control-request-method': 'POST',
        'access-control-request-private-network': 'true',
      },
      'OPTIONS',
    );
    expect(preflight.status).toBe(204);
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': PAGE,
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-private-network': 'true',
    });
    expect(await withHeaders({ origin: PAGE })).toMatchObject({
      status: 200,
      headers: { 'access-control-allow-origin': PAGE },
    });
  });

  it('no other page, and no name that merely leads here', async () => {
    const other = await withHeaders({ origin: 'https://other.example' });
    expect(other.status).toBe(403);
    expect(other.headers).not.toHaveProperty('access-control-allow-origin');
    expect((await withHeaders({ origin: 'https://other.example' }, 'OPTIONS')).status).toBe(403);
    expect((await withHeaders({ host: 'rebound.example:8501' })).status).toBe(403);
    expect((await withHeaders({ host: 'localhost:8501' })).status).toBe(200);
    expect((await withHeaders({ host: '[::1]:8501' })).status).toBe(200);
  });
});

describe('versions', () => {
  const predictAt = async (where: string): Promise<string> => {
    const { status, text } = await ask(`/v1/models/half_plus_two${where}:predict`, { instances: [8] });
    return status === 200 ? text : String(status);
  };
  const OLD = '{"predictions": [6.0]}\n';
  const NEW = '{"predictions": [16.0]}\n';

  it('a label, a change of version under load, and the way back', async () => {
    const inputRange = { min: -100, max: 100 };
    await owner.share({
      name: 'half_plus_two',
      version: 124,
      compiled: compile(double, { inputRange }),
      preprocessing: null,
      inputRange,
      labels: null,
    });
    expect(await predictAt('')).toBe(OLD);
    expect(await predictAt('/versions/124')).toBe('404');
    await owner.setLabel('half_plus_two', 'canary', 124);
    expect(await predictAt('/labels/canary')).toBe(NEW);
    expect(await predictAt('/versions/124')).toBe(NEW);
    expect(await predictAt('')).toBe(OLD);
    const status = JSON.parse((await ask('/v1/models/half_plus_two')).text).model_version_status;
    expect(status.map((one: { version: string }) => one.version)).toEqual(['124', '123']);
    expect(
      JSON.parse((await ask('/v1/models/half_plus_two/labels/canary')).text).model_version_status,
    ).toHaveLength(1);

    const seen: string[] = [];
    let asking = true;
    const askers = Array.from({ length: 4 }, async () => {
      while (asking) seen.push(await predictAt(''));
    });
    await owner.switchTo('half_plus_two', 124);
    await expect.poll(() => seen.at(-1), { timeout: 10_000 }).toBe(NEW);
    await owner.rollback('half_plus_two');
    await expect.poll(() => seen.at(-1), { timeout: 10_000 }).toBe(OLD);
    asking = false;
    await Promise.all(askers);
    expect(new Set(seen)).toEqual(new Set([OLD, NEW]));
  }, 60_000);
});

it('metrics tell what was asked, never what it was', async () => {
  const { status, text } = await ask('/monitoring/prometheus/metrics');
  expect(status).toBe(200);
  expect(text).toMatch(/^trivet_gateway_requests_total\{kind="predict",status="200"\} [1-9]/m);
  expect(text).toMatch(/^trivet_gateway_samples_total [1-9]/m);
  expect(text).not.toMatch(/nobody|half_plus_two/);
});

it('a missing worker is named, and served again once it is back', async () => {
  const [, bob] = cluster.workers;
  await bob.stop('SIGKILL');
  expect(await failure(predict({ instances: [1] }))).toEqual([503, expect.stringContaining('"bob"')]);
  expect((await failure(ask('/v1/models/half_plus_two')))[0]).toBe(503);
  // One that is started now does not know any worker yet.
  const early = await startGateway({ cluster: cluster.cluster, host: '127.0.0.1', port: 0 });
  const first = await fetch(`${early.url}/v1/models/half_plus_two`);
  expect([first.status, await first.text()]).toEqual([503, expect.stringContaining('bob')]);
  bob.start();
  await cluster.ready();
  await expect.poll(async () => (await predict({ instances: [1] })).status, { timeout: 20_000 }).toBe(200);
  await expect
    .poll(async () => (await fetch(`${early.url}/v1/models/half_plus_two`)).status, { timeout: 20_000 })
    .toBe(200);
  await early.stop();
  expect(notices).toEqual([expect.stringContaining('"bob"'), expect.stringContaining('"bob" is back')]);
}, 60_000);

it('stops in order: what is under way is answered, nothing new', async () => {
  const { cluster: file } = cluster;
  const stopping = await startGateway({ cluster: file, host: '127.0.0.1', port: 0 });
  const { port } = new URL(stopping.url);
  const socket = connect(Number(port), '127.0.0.1');
  const body = '{"instances": [2]}';
  socket.write(
    `POST /v1/models/half_plus_two:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n{`,
  );
  await expect
    .poll(async () => (await fetch(`${stopping.url}/monitoring/prometheus/metrics`)).text(), {
      timeout: 5000,
    })
    .toContain('trivet_gateway_predictions_in_flight 1');
  const stopped = stopping.stop();
  await expect(fetch(`${stopping.url}/v1/models/half_plus_two`)).rejects.toThrow();
  socket.write(body.slice(1));
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  await once(socket, 'end');
  expect(text).toContain('{"predictions": [3.0]}');
  expect(text.toLowerCase()).toContain('connection: close');
  await stopped;
});

it('the command', async () => {
  const file = join(cluster.directory, 'cluster.json');
  const running = start('main.js', ['gateway', '--cluster', file, '--port', '0']);
  await running.sees('programs of this machine only');
  const taken = new URL(gateway.url).port;
  const second = await start('main.js', ['gateway', '--cluster', cluster.directory, '--port', taken]).ended;
  expect(second).toMatchObject({ code: 5, stderr: expect.stringContaining('in use') });
  const wrong = await start('main.js', ['gateway', '--cluster', file, '--cors', 'example.org']).ended;
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('https://example.org') });
  running.child.kill('SIGTERM');
  const { code, stdout } = await running.ended;
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Listening on http:\/\/127\.0\.0\.1:\d+: POST/);
}, 60_000);
