/** Small, deterministic values of the wire contract for tests and golden vectors. */
import { type Cluster, type Manifest, sealingPublicKey, signCluster } from '../src/index.js';

/** A message of the golden vectors that must be refused, in hex, and the code of the error. */
export interface BadBytes {
  readonly name: string;
  readonly bytes: string;
  readonly code: string;
}

/** RFC 8032, section 7.1, test 1. */
export const OWNER_SECRET_KEY = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60';
export const OWNER_PUBLIC_KEY = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';
export const CLUSTER_ID = '00112233445566778899aabbccddeeff';
export const CHALLENGE = 'c0'.repeat(32);

/** `length` bytes that count up from `start`. */
export function counting(length: number, start = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (start + index) & 0xff);
}

/** A dense layer of two inputs and three outputs, then nothing. */
export const MANIFEST: Manifest = {
  format: 1,
  name: 'tiny',
  version: 1,
  createdAt: '2024-01-01T00:00:00.000Z',
  plan: {
    inputShape: [2],
    outputShape: [3],
    fractionalBits: 16,
    outputBits: 48,
    outputFractionalBits: 32,
    outputActivation: 'softmax',
    weights: [
      { name: 'dense/kernel', shape: [1, 1, 2, 3], fractionalBits: 16 },
      { name: 'dense/bias', shape: [3], fractionalBits: 32 },
    ],
    steps: [
      {
        op: 'conv2d',
        name: 'dense',
        input: 0,
        output: 1,
        kernel: 0,
        bias: 1,
        geometry: {
          inHeight: 1,
          inWidth: 1,
          inChannels: 2,
          outHeight: 1,
          outWidth: 1,
          outChannels: 3,
          kernelHeight: 1,
          kernelWidth: 1,
          strideHeight: 1,
          strideWidth: 1,
          dilationHeight: 1,
          dilationWidth: 1,
          padTop: 0,
          padLeft: 0,
        },
      },
    ],
  },
  inputRange: { min: -1, max: 1 },
  preprocessing: null,
  signature: {
    name: 'serving_default',
    method: 'tensorflow/serving/predict',
    input: { name: 'x', tensor: 'x:0', dtype: 'DT_FLOAT', shape: [-1, 2] },
    output: { name: 'y', tensor: 'dense/Softmax:0', dtype: 'DT_FLOAT', shape: [-1, 3] },
  },
  labels: ['a', 'b', 'c'],
  protocols: ['replicated', 'securenn'],
  shareDigests: ['0a'.repeat(32), '0b'.repeat(32), '0c'.repeat(32)],
};

const POINTWISE = { ...MANIFEST.plan.steps[0]! } as Extract<
  Manifest['plan']['steps'][number],
  { op: 'conv2d' }
>;

/** x joined with a depthwise layer's result, of which a piecewise linear function is added to itself. */
export const JOINING_MANIFEST: Manifest = {
  ...MANIFEST,
  name: 'joining',
  labels: null,
  plan: {
    inputShape: [3],
    outputShape: [6],
    fractionalBits: 16,
    outputBits: 40,
    outputFractionalBits: 16,
    outputActivation: 'sigmoid',
    weights: [{ name: 'own/kernel', shape: [1, 1, 3, 1], fractionalBits: 16 }],
    steps: [
      {
        op: 'depthwiseConv2d',
        name: 'own',
        input: 0,
        output: 1,
        kernel: 0,
        bias: null,
        geometry: { ...POINTWISE.geometry, inChannels: 3 },
      },
      { op: 'concatenate', name: 'joined', inputs: [0, 1], output: 2, channels: [3, 3] },
      {
        op: 'piecewiseLinear',
        name: 'leaky',
        input: 2,
        output: 3,
        activationBits: 24,
        pieces: [
          { sign: 1, slope: 65_536, offset: 0 },
          { sign: -1, slope: -6_554, offset: -65_536 },
        ],
      },
      { op: 'add', name: 'twice', inputs: [3, 3], output: 4 },
    ],
  },
};

/** Secret keys of the three workers for sealed messages. */
export const SEALING_SECRET_KEYS = ['a1', 'b2', 'c3'].map((byte) => byte.repeat(32)) as [
  string,
  string,
  string,
];

const worker = <Index extends 0 | 1 | 2>(index: Index, name: string) => {
  const sealingKey = sealingPublicKey(SEALING_SECRET_KEYS[index]);
  return { index, name, url: `http://localhost:400${index}`, sealingKey };
};

export const CLUSTER: Cluster = signCluster(
  {
    format: 1,
    clusterId: CLUSTER_ID,
    ownerKey: OWNER_PUBLIC_KEY,
    workers: [worker(0, 'alice'), worker(1, 'bob'), worker(2, 'carol')],
  },
  OWNER_SECRET_KEY,
);
