/** What the tests of the command line share: a small model that really classifies, and child processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CLASSES, IMAGE_SIZE, type Mnist } from '@trivet/mnist';
import { vi } from 'vitest';
import { createProgram, runProgram } from '../src/program.js';

/** The built program: what is tested here are processes. */
const DIST = fileURLToPath(new URL('../dist/', import.meta.url));
if (!existsSync(join(DIST, 'main.js'))) throw new Error('Build first: npx tsc -b apps/cli');

export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ran>;
  /** Waits until this appears on standard output or error. */
  sees(text: string): Promise<void>;
}

/** Starts `dist/<program>` as a child process. */
export function start(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  execArgv: readonly string[] = [],
): Running {
  const child = spawn(process.execPath, [...execArgv, join(DIST, program), ...args], {
    cwd: tmpdir(),
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const watchers = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const watcher of watchers) watcher();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    for (const watcher of watchers) watcher();
  });
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, stdout, stderr }));
  const sees = (text: string) =>
    Promise.race([
      new Promise<void>((resolve) => {
        const look = () => {
          if (!stdout.includes(text) && !stderr.includes(text)) return;
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        look();
      }),
      ended.then((ran) => {
        if (!ran.stdout.includes(text) && !ran.stderr.includes(text)) {
          throw new Error(`It ended without "${text}": ${ran.stdout}${ran.stderr}`);
        }
      }),
    ]);
  return { child, ended, sees };
}

export function trivet(...args: readonly string[]): Promise<Ran> {
  return start('main.js', args).ended;
}

/** Runs a command line in this process, which is quicker; what it writes past the console is not kept. */
export async function trivetHere(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const printed = { out: '', err: '' };
  const keep = (stream: 'out' | 'err') => (text: string) => {
    printed[stream] += `${text}\n`;
  };
  const log = vi.spyOn(console, 'log').mockImplementation(keep('out'));
  const error = vi.spyOn(console, 'error').mockImplementation(keep('err'));
  const exitCode = process.exitCode;
  process.exitCode = undefined;
  try {
    return { code: await runProgram(createProgram('0'), args), ...printed };
  } finally {
    log.mockRestore();
    error.mockRestore();
    process.exitCode = exitCode;
  }
}

export async function temporaryDirectory(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'trivet-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/**
 * Writes a TensorFlow.js layers model into `directory` that classifies MNIST by the nearest mean image: a Dense layer
 * with kernel m_c and bias -|m_c|^2 / 2 for the mean m_c of each class. About four digits in five are right.
 * @returns the path of its model.json
 */
export async function writeNearestMeanModel(directory: string, mnist: Mnist): Promise<string> {
  const means = Array.from({ length: CLASSES }, () => new Float64Array(IMAGE_SIZE));
  const counts = new Array<number>(CLASSES).fill(0);
  mnist.labels.forEach((label, image) => {
    counts[label]!++;
    for (let pixel = 0; pixel < IMAGE_SIZE; pixel++) {
      means[label]![pixel]! += mnist.images[image * IMAGE_SIZE + pixel]! / 255;
    }
  });
  const kernel = new Float32Array(IMAGE_SIZE * CLASSES);
  const bias = new Float32Array(CLASSES);
  means.forEach((mean, label) => {
    mean.forEach((sum, pixel) => {
      const value = sum / counts[label]!;
      kernel[pixel * CLASSES + label] = value;
      bias[label]! -= (value * value) / 2;
    });
  });
  const layer = (class_name: string, config: object) => ({ class_name, config });
  const model = {
    format: 'layers-model',
    modelTopology: {
      class_name: 'Sequential',
      config: {
        name: 'nearest_mean',
        layers: [
          layer('Flatten', { name: 'flatten', batch_input_shape: [null, 28, 28, 1], dtype: 'float32' }),
          layer('Dense', { name: 'dense', units: CLASSES, activation: 'softmax', use_bias: true }),
        ],
      },
      keras_version: 'tfjs-layers 4.22.0',
      backend: 'tensor_flow.js',
    },
    weightsManifest: [
      {
        paths: ['weights.bin'],
        weights: [
          { name: 'dense/kernel', shape: [IMAGE_SIZE, CLASSES], dtype: 'float32' },
          { name: 'dense/bias', shape: [CLASSES], dtype: 'float32' },
        ],
      },
    ],
  };
  await mkdir(directory, { recursive: true });
  await writeFile(
    join(directory, 'weights.bin'),
    Buffer.concat([new Uint8Array(kernel.buffer), new Uint8Array(bias.buffer)]),
  );
  await writeFile(join(directory, 'model.json'), JSON.stringify(model));
  return join(directory, 'model.json');
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
