/**
 * The client's input sharing as WebGPU compute. The same bits as mpc-core's CPU sharer for the same seeds; the self-test
 * page compares them in a real browser.
 *
 * Rejected: TensorFlow.js tensor operations (f32 arithmetic, exact below 2^24 only) and WGSL floats (an implementation
 * may fuse or flush them); see webgpu-share.wgsl.
 */
import type { InputSharer } from '@trivet/mpc-core';
import type { GpuDevice } from './webgpu-device.js';
import shader from './webgpu-share.wgsl?raw';

const WORKGROUP_SIZE = 64;
const WORDS_PER_BLOCK = 8;
const WORD_BYTES = 8;
const SEED_BYTES = 32;
const PARAMETER_BYTES = 80;
const MAGNITUDE_LIMIT = 2 ** 31;
const LEAST_CAPACITY_WORDS = 1024;

interface Buffers {
  readonly capacityWords: number;
  readonly inputs: GPUBuffer;
  readonly shares: GPUBuffer;
  readonly readback: GPUBuffer;
  readonly bindings: GPUBindGroup;
}

export class WebGpuSharer implements InputSharer {
  readonly kind = 'webgpu';
  readonly label: string;
  readonly #device: GPUDevice;
  readonly #pipeline: GPUComputePipeline;
  readonly #parameters: GPUBuffer;
  #buffers: Buffers | null = null;
  #lost: string | null = null;
  /** Buffers are reused, so calls run one after the other. */
  #queue: Promise<unknown> = Promise.resolve();

  private constructor({ device, adapter }: GpuDevice, pipeline: GPUComputePipeline) {
    this.label = `WebGPU (${adapter})`;
    this.#device = device;
    this.#pipeline = pipeline;
    this.#parameters = device.createBuffer({
      size: PARAMETER_BYTES,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    void device.lost.then(({ message }) => {
      this.#lost = message || 'no reason given';
    });
  }

  /** @throws Error when the shader does not compile on this device */
  static async create(gpu: GpuDevice): Promise<WebGpuSharer> {
    const module = gpu.device.createShaderModule({ label: 'trivet share', code: shader });
    const pipeline = await gpu.device.createComputePipelineAsync({
      label: 'trivet share',
      layout: 'auto',
      compute: { module, entryPoint: 'share' },
    });
    return new WebGpuSharer(gpu, pipeline);
  }

  /** As {@link InputSharer.share}; also rejects when the device is lost, out of memory, or the inputs are too many for it. */
  share(
    inputs: Float32Array,
    fractionalBits: number,
    seeds: readonly [Uint8Array, Uint8Array],
  ): Promise<Uint8Array> {
    checkInputs(inputs, fractionalBits, seeds);
    const result = this.#queue.then(() => this.#run(inputs, fractionalBits, seeds));
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #run(
    inputs: Float32Array,
    fractionalBits: number,
    seeds: readonly [Uint8Array, Uint8Array],
  ): Promise<Uint8Array> {
    if (this.#lost !== null) throw new Error(`The GPU device was lost: ${this.#lost}`);
    const device = this.#device;
    const words = inputs.length;
    const bytes = words * WORD_BYTES;
    device.pushErrorScope('validation');
    device.pushErrorScope('out-of-memory');
    const buffers = this.#buffersFor(words);
    device.queue.writeBuffer(this.#parameters, 0, parameterBlock(words, fractionalBits, seeds));
    device.queue.writeBuffer(buffers.inputs, 0, inputs.buffer, inputs.byteOffset, inputs.byteLength);
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(this.#pipeline);
    pass.setBindGroup(0, buffers.bindings);
    pass.dispatchWorkgroups(Math.ceil(words / (WORDS_PER_BLOCK * WORKGROUP_SIZE)));
    pass.end();
    encoder.copyBufferToBuffer(buffers.shares, 0, buffers.readback, 0, bytes);
    // The device keeps neither the digit nor what it was masked with.
    encoder.clearBuffer(this.#parameters);
    encoder.clearBuffer(buffers.inputs);
    device.queue.submit([encoder.finish()]);
    const mapped = buffers.readback.mapAsync(GPUMapMode.READ, 0, bytes);
    const errors = await Promise.all([device.popErrorScope(), device.popErrorScope()]);
    const error = errors.find((scope) => scope !== null);
    if (error) {
      await mapped.catch(() => undefined);
      throw new Error(`The GPU refused the work: ${error.message}`);
    }
    await mapped;
    const result = new Uint8Array(bytes);
    result.set(new Uint8Array(buffers.readback.getMappedRange(0, bytes)));
    buffers.readback.unmap();
    return result;
  }

  #buffersFor(words: number): Buffers {
    if (this.#buffers !== null && this.#buffers.capacityWords >= words) return this.#buffers;
    const device = this.#device;
    const capacityWords = Math.max(LEAST_CAPACITY_WORDS, 2 ** Math.ceil(Math.log2(words)));
    const shareBytes = capacityWords * WORD_BYTES;
    const { maxStorageBufferBindingSize, maxComputeWorkgroupsPerDimension } = device.limits;
    const workgroups = capacityWords / (WORDS_PER_BLOCK * WORKGROUP_SIZE);
    if (shareBytes > maxStorageBufferBindingSize || workgroups > maxComputeWorkgroupsPerDimension) {
      throw new Error(`${words} inputs are more than this GPU takes at once.`);
    }
    this.#release();
    const { COPY_DST, COPY_SRC, MAP_READ, STORAGE } = GPUBufferUsage;
    const inputs = device.createBuffer({ size: capacityWords * 4, usage: STORAGE | COPY_DST });
    const shares = device.createBuffer({ size: shareBytes, usage: STORAGE | COPY_SRC });
    const readback = device.createBuffer({ size: shareBytes, usage: MAP_READ | COPY_DST });
    const bindings = device.createBindGroup({
      layout: this.#pipeline.getBindGroupLayout(0),
      entries: [this.#parameters, inputs, shares].map((buffer, binding) => ({
        binding,
        resource: { buffer },
      })),
    });
    this.#buffers = { capacityWords, inputs, shares, readback, bindings };
    return this.#buffers;
  }

  #release(): void {
    const buffers = this.#buffers;
    this.#buffers = null;
    for (const buffer of [buffers?.inputs, buffers?.shares, buffers?.readback]) buffer?.destroy();
  }
}

function parameterBlock(
  words: number,
  fractionalBits: number,
  seeds: readonly [Uint8Array, Uint8Array],
): ArrayBuffer {
  const block = new Uint8Array(PARAMETER_BYTES);
  block.set(seeds[0], 0);
  block.set(seeds[1], SEED_BYTES);
  const view = new DataView(block.buffer);
  view.setUint32(2 * SEED_BYTES, words, true);
  view.setInt32(2 * SEED_BYTES + 4, fractionalBits, true);
  return block.buffer;
}

function checkInputs(
  inputs: Float32Array,
  fractionalBits: number,
  seeds: readonly [Uint8Array, Uint8Array],
): void {
  if (inputs.length === 0) throw new RangeError('There is nothing to share.');
  if (!Number.isInteger(fractionalBits) || fractionalBits < 1 || fractionalBits > 24) {
    throw new RangeError('The fractional bits must be 1 to 24.');
  }
  if (seeds.some((seed) => seed.length !== SEED_BYTES)) throw new RangeError('A seed is 32 bytes.');
  const limit = MAGNITUDE_LIMIT / 2 ** fractionalBits;
  // Written so that NaN fails it too.
  if (!inputs.every((value) => Math.abs(value) < limit)) {
    throw new RangeError(`Every input must be finite and less than ${limit} in magnitude.`);
  }
}
