/**
 * The GPU device of TensorFlow.js' WebGPU backend, opened by it with the limits that large tensors need, for our own
 * shaders. The library is large and loads on first use.
 */

export interface GpuDevice {
  readonly device: GPUDevice;
  /** The adapter's name for people, for example "google swiftshader". */
  readonly adapter: string;
}

/** @throws Error with a sentence when this browser or this computer offers no WebGPU */
export async function openGpuDevice(): Promise<GpuDevice> {
  if (!('gpu' in navigator)) throw new Error('This browser has no WebGPU.');
  const adapter = await navigator.gpu.requestAdapter();
  if (adapter === null) {
    throw new Error('This browser has WebGPU, but this computer offers no adapter for it.');
  }
  const [tf, { WebGPUBackend }] = await Promise.all([
    import('@tensorflow/tfjs-core'),
    import('@tensorflow/tfjs-backend-webgpu'),
  ]);
  // Made by its factory, not by setBackend: TensorFlow.js has one current backend, and setting it to one that starts
  // slowly would break a model that runs on another meanwhile.
  const backend = await tf.findBackendFactory('webgpu')?.();
  if (!(backend instanceof WebGPUBackend)) {
    throw new Error('TensorFlow.js could not start its WebGPU backend.');
  }
  return { device: backend.device, adapter: adapterName(adapter.info) };
}

function adapterName(info: GPUAdapterInfo): string {
  const words = [info.vendor, info.description || info.device || info.architecture].filter(Boolean);
  return words.length === 0 ? 'unnamed adapter' : words.join(' ');
}
