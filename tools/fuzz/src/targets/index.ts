/** Every decoder of Trivet: whatever comes from somebody else, or from a disk. A group is loaded when it is first needed. */
import type { Target } from '../target.js';

const GROUPS: readonly (() => Promise<readonly Target[]>)[] = [
  async () => [...(await import('./wire.js')).WIRE, ...(await import('./reveal.js')).REVEAL],
  async () => (await import('./mesh.js')).MESH,
  async () => (await import('./stores.js')).STORES,
  async () => (await import('./gateway.js')).GATEWAY,
  async () => (await import('./page.js')).PAGE,
  async () => (await import('./models.js')).MODELS,
  async () => (await import('./sealing.js')).SEALING,
];

/** The decoders and what comes in at them, by name. */
export const CATALOGUE: ReadonlyMap<string, { readonly group: number; readonly what: string }> = new Map([
  ['predict-request', { group: 0, what: 'a prediction request, at a worker' }],
  ['predict-reply', { group: 0, what: "a worker's reply, at a client" }],
  ['client-messages', { group: 0, what: 'every control message and its answer, at workers and at clients' }],
  ['worker-status', { group: 0, what: "three workers' reports, as a client joins them" }],
  [
    'manifest',
    { group: 0, what: "a model's manifest and plan, signed by its owner, at workers and at clients" },
  ],
  ['serving-order', { group: 0, what: "an owner's serving order, from the owner, a peer or the disk" }],
  ['access-order', { group: 0, what: 'who may ask, signed by the owner' }],
  ['client-token', { group: 0, what: "a client's token, as its holder writes it" }],
  ['signatures', { group: 0, what: 'keys and signatures that are no points of the curve' }],
  ['cluster-json', { group: 0, what: 'the public cluster file, signed or not, at clients' }],
  ['reveal-manifest', { group: 0, what: 'the manifest of a model that reveals classes only' }],
  ['reveal-reply', { group: 0, what: 'three replies that are to add up to classes, at a client' }],
  ['socket-frames', { group: 6, what: "frames of a client's websocket, as packets" }],
  ['seal-hello', { group: 6, what: 'how a client begins a sealed connection, at a worker' }],
  ['seal-answer', { group: 6, what: "a worker's answer to that, at a client" }],
  ['seal-records', { group: 6, what: 'records of a sealed connection, in any order' }],
  ['sealed-text', { group: 6, what: 'what is inside a record' }],
  ['sealed-head', { group: 6, what: 'the head of what is inside a record' }],
  ['worker-channel', { group: 6, what: 'all that a client with the keys may do on a connection' }],
  ['client-channel', { group: 6, what: 'all that a worker with the keys may do on a connection' }],
  ['mesh-frames', { group: 1, what: "a peer's stream of bytes, cut into frames" }],
  [
    'mesh-control',
    {
      group: 1,
      what: 'binary control messages of a peer: arrived, refusals, proposals, dealing, counts, aborts',
    },
  ],
  ['mesh-json', { group: 1, what: "a peer's hello and state" }],
  ['mesh-sessions', { group: 1, what: "session ids and frames ahead of their session, in a peer's order" }],
  ['envelope', { group: 2, what: 'a file at rest, with header, keys and authenticated chunks' }],
  ['key-file', { group: 2, what: 'the keys of a store' }],
  ['share-file', { group: 2, what: "a worker's share of a model's weights" }],
  ['serve-record', { group: 2, what: "a model's record: orders, counts" }],
  ['access-use', { group: 2, what: "what of the tokens' quotas is used up" }],
  ['stored-model', { group: 2, what: 'a model in the store, once it is decrypted: manifest and share' }],
  [
    'cluster-upgrade',
    { group: 2, what: 'the cluster file of an earlier version, for `trivet init --upgrade`' },
  ],
  ['worker-config', { group: 2, what: "a worker's configuration" }],
  ['certificate', { group: 2, what: "a worker's certificate, as it is checked when it starts" }],
  ['gateway-paths', { group: 3, what: "methods and paths of the gateway's requests" }],
  ['gateway-bodies', { group: 3, what: "JSON bodies of the gateway's predict requests" }],
  [
    'gateway-gzip',
    { group: 3, what: "bodies of the gateway's requests as they come, compressed or not, with a limit" },
  ],
  [
    'gateway-http',
    { group: 3, what: 'whole HTTP requests on a socket of a running gateway, whose workers are away' },
  ],
  ['idx', { group: 4, what: 'IDX files of images and labels, as `trivet` and the page read them' }],
  ['page-batch', { group: 4, what: "files dropped on the page's batch: IDX, gzip, names" }],
  ['page-pictures', { group: 4, what: "a picture's pixels: sheets, handwriting, a digit" }],
  ['page-labels', { group: 4, what: 'names of files and folders, for the digit in them' }],
  ['keras-hdf5', { group: 5, what: 'Keras HDF5 files' }],
  ['keras-zip', { group: 5, what: "Keras 3's .keras archives" }],
  ['tfjs-json', { group: 5, what: 'model.json of TensorFlow.js, with weights that fit the valid one' }],
  ['tfjs-weights', { group: 5, what: 'shards of weights of TensorFlow.js' }],
  ['saved-model', { group: 5, what: 'saved_model.pb of TensorFlow: graph, functions, signatures' }],
  [
    'saved-model-index',
    { group: 5, what: 'variables.index of TensorFlow: a table in blocks, with checksums that are mended' },
  ],
  ['saved-model-variables', { group: 5, what: 'variables of TensorFlow: index and data together' }],
  ['snappy', { group: 5, what: 'compressed blocks of such a table' }],
  ['onnx', { group: 5, what: 'ONNX models' }],
  ['model-format', { group: 5, what: 'what kind of model a file is, and the file as that' }],
]);

/** @throws Error when there is none of that name */
export async function loadTarget(name: string): Promise<Target> {
  const entry = CATALOGUE.get(name);
  const target = entry && (await GROUPS[entry.group]!()).find((one) => one.name === name);
  if (target === undefined) throw new Error(`There is no decoder "${name}".`);
  return target;
}
