/** What the model page and the compute worker say to each other. */
import type { ModelFormat } from '@trivet/model-import';
import type { Reveal, StepReport } from '@trivet/mpc-core';
import type { ProtocolName, VersionState } from '@trivet/shared-types';

export interface ModelFile {
  readonly file: File;
  /** With its folders: a SavedModel is a folder, and a TensorFlow.js model has its weights beside it. */
  readonly path: string;
}

export interface ModelChoice {
  readonly files: readonly ModelFile[];
  /** Every number of an input lies in it. */
  readonly inputRange: { readonly min: number; readonly max: number };
  /** What clients are to receive of the output. */
  readonly reveal: Reveal;
}

/** Declared cost of one sample under a protocol. */
export interface ProtocolCost {
  readonly protocol: ProtocolName;
  readonly rounds: number;
  /** Among the workers, while somebody waits, and ahead of time. */
  readonly onlineBytes: number;
  readonly dealtBytes: number;
}

/** A model file, read and compiled; its weights stay in the compute worker. */
export interface ModelInspection {
  readonly fileName: string;
  readonly format: ModelFormat;
  readonly suggestedName: string;
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  /** What it was compiled to tell, and how many classes it tells apart. */
  readonly reveal: Reveal;
  readonly classes: number;
  /** Whether its inputs may be pictures prepared as MNIST's. */
  readonly couldTakeDigits: boolean;
  /** As they were trained. */
  readonly layers: readonly { readonly name: string; readonly type: string; readonly parameters: number }[];
  readonly report: readonly StepReport[];
  /** Layers that another one took over. */
  readonly folded: readonly { readonly layer: string; readonly into: string }[];
  readonly multiplications: number;
  readonly costs: readonly ProtocolCost[];
}

export interface ShareWish {
  readonly name: string;
  readonly takesDigits: boolean;
}

/** One version of one of the owner's models. */
export interface OwnedModel {
  readonly name: string;
  readonly version: number;
  readonly state: VersionState;
  /** Whether it answers who names no version. */
  readonly current: boolean;
  readonly labels: readonly string[];
  readonly reveal: Reveal;
  readonly served: number | null;
  readonly requestLimit: number | null;
  readonly protocol: ProtocolName;
  readonly protocols: readonly ProtocolName[];
  readonly createdAt: string;
}

export type OwnerCommand =
  | {
      readonly do: 'serve';
      readonly model: string;
      readonly version: number;
      readonly requestLimit: number | null;
      readonly protocol: ProtocolName;
    }
  | { readonly do: 'switch'; readonly model: string; readonly version: number }
  | { readonly do: 'rollback'; readonly model: string }
  | { readonly do: 'stop'; readonly model: string }
  | { readonly do: 'remove'; readonly model: string; readonly version: number };
