/**
 * Picks where shares are made. For one digit a GPU round trip can cost more than the arithmetic it saves, and for a
 * thousand it may not: so both are timed on this computer, once for each class of sizes, and the faster one is used.
 *
 * Nobody waits for the measurement: until it is there the CPU shares, and the GPU is loaded and timed afterwards. A GPU
 * that fails is left alone from then on, and the call that met the failure is finished on the CPU.
 */
import { type InputSharer, randomSeed } from '@trivet/mpc-core';

export type ComputePreference = 'auto' | 'webgpu' | 'cpu';

/** What was measured for inputs of `sizeClass` (see {@link sizeClassOf}), in milliseconds at the median. */
export interface Calibration {
  readonly sizeClass: number;
  readonly cpuLabel: string;
  readonly cpuMs: number;
  readonly gpuLabel: string;
  readonly gpuMs: number;
}

export type GpuState =
  | { readonly state: 'idle' | 'loading' }
  | { readonly state: 'ready'; readonly label: string }
  | { readonly state: 'unavailable'; readonly reason: string };

export interface SharingState {
  readonly preference: ComputePreference;
  readonly cpuLabel: string;
  readonly gpu: GpuState;
  readonly calibrations: readonly Calibration[];
}

export interface AdaptiveSharerOptions {
  readonly cpu: InputSharer;
  /** Loads the GPU's sharer; called at most once. Rejects with a sentence where there is none. */
  readonly loadGpu: () => Promise<InputSharer>;
  readonly preference: ComputePreference;
  /** Measurements of earlier visits. */
  readonly calibrations: readonly Calibration[];
  readonly onChange: (state: SharingState) => void;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
  /** Settles when measuring keeps nobody waiting; at once unless told. */
  readonly quiet?: () => Promise<void>;
}

const TIMED_RUNS = 5;

/** Inputs within a factor of two of each other share a class: the base-2 logarithm of the count, rounded. */
export function sizeClassOf(inputs: number): number {
  return Math.round(Math.log2(Math.max(1, inputs)));
}

export class AdaptiveSharer implements InputSharer {
  readonly #options: AdaptiveSharerOptions;
  readonly #now: () => number;
  readonly #calibrations = new Map<number, Calibration>();
  #preference: ComputePreference;
  #gpu: GpuState = { state: 'idle' };
  #gpuSharer: Promise<InputSharer | null> | null = null;
  #loadedGpu: InputSharer | null = null;
  #lastUsed: InputSharer;
  #calibrating: Promise<void> = Promise.resolve();
  readonly #pending = new Set<number>();

  constructor(options: AdaptiveSharerOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#preference = options.preference;
    this.#lastUsed = options.cpu;
    for (const calibration of options.calibrations)
      this.#calibrations.set(calibration.sizeClass, calibration);
  }

  /** Of the implementation that made the latest shares. */
  get kind(): InputSharer['kind'] {
    return this.#lastUsed.kind;
  }

  get label(): string {
    return this.#lastUsed.label;
  }

  get state(): SharingState {
    return {
      preference: this.#preference,
      cpuLabel: this.#options.cpu.label,
      gpu: this.#gpu,
      calibrations: [...this.#calibrations.values()].sort((a, b) => a.sizeClass - b.sizeClass),
    };
  }

  setPreference(preference: ComputePreference): void {
    this.#preference = preference;
    if (preference === 'webgpu') void this.#loadGpu();
    this.#changed();
  }

  async share(
    inputs: Float32Array,
    fractionalBits: number,
    seeds: readonly [Uint8Array, Uint8Array],
  ): Promise<Uint8Array> {
    const sharer = await this.#choose(inputs.length);
    if (sharer !== this.#options.cpu) {
      try {
        const words = await sharer.share(inputs, fractionalBits, seeds);
        this.#lastUsed = sharer;
        return words;
      } catch (error) {
        // Wrong inputs are the caller's fault, and the CPU says so too.
        if (!(error instanceof RangeError)) this.#dropGpu(error);
      }
    }
    const words = await this.#options.cpu.share(inputs, fractionalBits, seeds);
    this.#lastUsed = this.#options.cpu;
    return words;
  }

  /** Settles when the measurements asked for so far are done. */
  settled(): Promise<void> {
    return this.#calibrating;
  }

  async #choose(inputs: number): Promise<InputSharer> {
    const { cpu } = this.#options;
    if (this.#preference === 'cpu') return cpu;
    if (this.#preference === 'webgpu') return (await this.#loadGpu()) ?? cpu;
    const calibration = this.#calibrations.get(sizeClassOf(inputs));
    if (calibration === undefined || calibration.cpuLabel !== cpu.label) {
      this.#calibrateLater(inputs);
      return cpu;
    }
    if (calibration.cpuMs <= calibration.gpuMs) return cpu;
    if (this.#loadedGpu?.label === calibration.gpuLabel) return this.#loadedGpu;
    // Measured on an earlier visit: this call does not wait for the GPU, a later one has it.
    if (this.#loadedGpu === null) void this.#loadGpu();
    else this.#calibrateLater(inputs);
    return cpu;
  }

  #loadGpu(): Promise<InputSharer | null> {
    this.#gpuSharer ??= this.#openGpu();
    return this.#gpuSharer;
  }

  async #openGpu(): Promise<InputSharer | null> {
    this.#setGpu({ state: 'loading' });
    try {
      this.#loadedGpu = await this.#options.loadGpu();
      this.#setGpu({ state: 'ready', label: this.#loadedGpu.label });
    } catch (error) {
      this.#dropGpu(error);
    }
    return this.#loadedGpu;
  }

  #dropGpu(error: unknown): void {
    this.#loadedGpu = null;
    this.#gpuSharer = Promise.resolve(null);
    this.#setGpu({ state: 'unavailable', reason: error instanceof Error ? error.message : String(error) });
  }

  #calibrateLater(inputs: number): void {
    const sizeClass = sizeClassOf(inputs);
    if (this.#gpu.state === 'unavailable' || this.#pending.has(sizeClass)) return;
    this.#pending.add(sizeClass);
    this.#calibrating = this.#calibrating.then(async () => {
      try {
        await this.#options.quiet?.();
        await this.#calibrate(inputs, sizeClass);
      } catch (error) {
        this.#dropGpu(error);
      } finally {
        this.#pending.delete(sizeClass);
      }
    });
  }

  async #calibrate(inputs: number, sizeClass: number): Promise<void> {
    const gpu = await this.#loadGpu();
    if (gpu === null) return;
    const { cpu } = this.#options;
    const cpuMs = await this.#time(cpu, inputs);
    const gpuMs = await this.#time(gpu, inputs);
    this.#calibrations.set(sizeClass, {
      sizeClass,
      cpuLabel: cpu.label,
      cpuMs,
      gpuLabel: gpu.label,
      gpuMs,
    });
    this.#changed();
  }

  /** Median time of one call, after one that warms up; on made-up inputs and seeds of their own. */
  async #time(sharer: InputSharer, inputs: number): Promise<number> {
    const values = Float32Array.from({ length: inputs }, (_, index) => (index % 256) / 255);
    const times: number[] = [];
    for (let run = 0; run <= TIMED_RUNS; run++) {
      const start = this.#now();
      await sharer.share(values, 16, [randomSeed(), randomSeed()]);
      if (run > 0) times.push(this.#now() - start);
    }
    return times.sort((a, b) => a - b)[Math.floor(TIMED_RUNS / 2)]!;
  }

  #setGpu(gpu: GpuState): void {
    this.#gpu = gpu;
    this.#changed();
  }

  #changed(): void {
    this.#options.onChange(this.state);
  }
}
