/** What a bench run found. Times are milliseconds, sizes bytes; triples are the workers in order. */
import type { Overheads, Reveal } from '@trivet/mpc-core';
import type { ProtocolName } from '@trivet/shared-types';
import type { Summary } from './statistics.js';

export type PerWorker<T> = readonly [T, T, T];

export interface StepReport {
  readonly name: string;
  readonly op: string;
  readonly rounds: number;
  /** Protocol messages, without frame headers. */
  readonly bytesSent: PerWorker<number>;
  /** Median time of the step, waiting included. */
  readonly ms: PerWorker<number>;
}

export interface BatchReport {
  /** Digits of the one request. */
  readonly digits: number;
  /** Of the request, from the client's inputs to its logits. */
  readonly request: Summary;
  readonly workerCpuMsPerDigit: PerWorker<number>;
  readonly clientCpuMsPerDigit: number;
}

export interface LoadReport {
  readonly clients: number;
  /** Digits in each request; every client has one request open at all times. */
  readonly requestSize: number;
  /** Digits in the batch that a request ran in, the mean over requests: what the batcher joins. */
  readonly meanBatch: number;
  readonly digits: number;
  readonly digitsPerSecond: number;
  readonly request: Summary;
  readonly workerCpuMsPerDigit: PerWorker<number>;
  /** Of the process that all clients share. */
  readonly clientCpuMsPerDigit: number;
  /** Share of digits classified as labelled. */
  readonly accuracy: number;
}

/** The first MNIST test digits, all of them in a full run, by one client. */
export interface AllDigitsReport {
  readonly digits: number;
  readonly requestSize: number;
  readonly seconds: number;
  /** Share of digits classified as labelled. */
  readonly accuracy: number;
}

export interface SoakReport {
  readonly points: readonly { readonly digits: number; readonly residentBytes: PerWorker<number> }[];
}

export interface ProtocolReport {
  /** One digit a request, one request at a time. */
  readonly single: BatchReport;
  /** Medians of the parts of a single digit's time. */
  readonly parts: {
    readonly shareMs: number;
    /** From the first byte sent to the last reply: what follows, and the way there and back. */
    readonly networkMs: number;
    /** On each worker, from the arrival of the request until all three have it and the batch begins. */
    readonly queueMs: PerWorker<number>;
    /** On each worker, from the beginning of the batch to the reply. */
    readonly batchMs: PerWorker<number>;
    readonly reconstructMs: number;
  };
  readonly batches: readonly BatchReport[];
  readonly loads: readonly LoadReport[];
  readonly allDigits: AllDigitsReport | null;
  /** Of one digit; as counted by the workers, and equal to what the protocol declares. */
  readonly rounds: number;
  readonly steps: readonly StepReport[];
  /** Protocol messages of one digit, dealt material included. */
  readonly bytesSent: PerWorker<number>;
  /** The part of `bytesSent` that depends on no input. */
  readonly bytesDealt: PerWorker<number>;
  /** The same by who receives it, as the protocol declares. */
  readonly bytesDealtTo: PerWorker<number>;
  /** Whether it was dealt before the request. */
  readonly dealtAhead: boolean;
  /** Everything written to the mesh links divided by digits: frame headers, control messages, heartbeats, dealt. */
  readonly meshBytesPerDigit: PerWorker<number>;
  /** Messages of one digit between its client and each worker. */
  readonly uploadBytes: PerWorker<number>;
  readonly downloadBytes: PerWorker<number>;
  /** Before the first prediction, and at the end. */
  readonly residentBytes: { readonly start: PerWorker<number>; readonly end: PerWorker<number> };
  readonly soak: SoakReport | null;
}

/** The cost model beside what was measured: one digit, and digits a second in requests of many. */
export interface EstimateReport {
  readonly protocols: readonly {
    readonly protocol: ProtocolName;
    /** Both with material ready for a protocol that the workers deal ahead for. */
    readonly materialReady: boolean;
    /** Of a request and of a round, measured on other models. */
    readonly overheads: Overheads;
    readonly predictedMs: number;
    /** In turn with the other models, and not the median of the single digits above. */
    readonly measuredMs: number;
    /** Under the first of the loads, dealing included; measured beside the reference, and not with the loads above. */
    readonly predictedPerSecond: number;
    readonly measuredPerSecond: number;
    /** Of the worker that sends most. */
    readonly predictedBytes: number;
    readonly measuredBytes: number;
  }[];
}

export interface BenchReport {
  readonly date: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly node: string;
    /** Of one minute, before the run. */
    readonly loadAverage: number;
    /** Whether each evaluator was kept on a core of its own, were there only two or three. */
    readonly evaluatorsApart: boolean;
  };
  readonly model: string;
  readonly quick: boolean;
  readonly rttMs: number;
  /** What the workers answer with. */
  readonly reveal: Reveal;
  /** A round trip of 64 bytes through the relay, measured; null without a relay. */
  readonly relayRoundTripMs: number | null;
  /** TensorFlow.js, WASM backend: half of the samples before the workers start, half after they have stopped. */
  readonly plaintext: { readonly single: Summary; readonly batch100: Summary };
  /** Those that were measured. */
  readonly protocols: { readonly [Name in ProtocolName]?: ProtocolReport };
  /** Null in a quick run. */
  readonly estimates: EstimateReport | null;
}

/** The one line of `--quick --json`. */
export interface QuickReport {
  readonly plaintext: { readonly p50_ms: number };
  readonly protocols: Record<
    string,
    {
      readonly p50_ms: number;
      readonly p95_ms: number;
      readonly batch100_ms: number;
      /** Of the first load: eight clients with requests of 100 digits. */
      readonly digits_per_s: number;
      /** Of eight clients with requests of one digit, when that was measured. */
      readonly digits_per_s_one_by_one?: number;
      readonly rounds: number;
      /**
       * Everything that the busiest worker writes to its peers for one digit: frames and control included, and dealt
       * material too, unless the protocol deals it ahead of the request.
       */
      readonly bytes_sent_max: number;
      /** Material for one digit that the worker is dealt that is dealt most. */
      readonly dealt_bytes_max: number;
    }
  >;
  /** Sent to the three workers together for one digit. */
  readonly upload_bytes: number;
  readonly rtt_ms: number;
}

export function quickReport({ plaintext, protocols, rttMs }: BenchReport): QuickReport {
  const entries = Object.entries(protocols).map(([name, protocol]: [string, ProtocolReport]) => {
    const batch100 = protocol.batches.find(({ digits }) => digits === 100)!;
    const oneByOne = protocol.loads.find(({ requestSize }) => requestSize === 1);
    return [
      name,
      {
        p50_ms: milliseconds(protocol.single.request.p50),
        p95_ms: milliseconds(protocol.single.request.p95),
        batch100_ms: milliseconds(batch100.request.p50),
        digits_per_s: Math.round(protocol.loads[0]!.digitsPerSecond),
        ...(oneByOne && { digits_per_s_one_by_one: Math.round(oneByOne.digitsPerSecond) }),
        rounds: protocol.rounds,
        bytes_sent_max: Math.ceil(Math.max(...onlineBytes(protocol))),
        dealt_bytes_max: Math.max(...protocol.bytesDealtTo),
      },
    ];
  });
  return {
    plaintext: { p50_ms: milliseconds(plaintext.single.p50) },
    protocols: Object.fromEntries(entries),
    upload_bytes: sum(Object.values(protocols)[0]!.uploadBytes),
    rtt_ms: rttMs,
  };
}

/** What each worker writes to its peers for one digit, from its request on. */
function onlineBytes({ meshBytesPerDigit, bytesSent, bytesDealt, dealtAhead }: ProtocolReport): number[] {
  return meshBytesPerDigit.map((bytes, worker) => {
    const dealt = bytesDealt[worker]!;
    // Frames of a worker that deals for other requests meanwhile cannot be told apart: its messages are counted.
    return dealtAhead && dealt > 0 ? bytesSent[worker]! - dealt : bytes;
  });
}

export function sum([first, second, third]: PerWorker<number>): number {
  return first + second + third;
}

/** Whole microseconds: what the clock gives. */
function milliseconds(value: number): number {
  return Math.round(value * 1000) / 1000;
}
