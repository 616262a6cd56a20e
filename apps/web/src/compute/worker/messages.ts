/** What the page and its compute worker say to each other. Plain data only: it is cloned on its way. */
import type { Prediction, Triple, WorkerView } from '@trivet/client';
import type { PlanStep, Reveal } from '@trivet/mpc-core';
import type { AccessMode, ErrorBody, ProtocolName, VersionState } from '@trivet/shared-types';
import type { BatchAnswers, BatchPictures, BatchSource, BatchSummary } from '../batch/messages.js';
import type { ModelChoice, ModelInspection, OwnedModel, OwnerCommand, ShareWish } from '../model/messages.js';
import type { Calibration, ComputePreference, SharingState } from '../sharing/adaptive-sharer.js';
import type { SelfTestReport } from './self-test.js';

/** What the page knows before it is connected; the compute worker itself finds the cluster. */
export interface ConnectSettings {
  readonly preference: ComputePreference;
  readonly calibrations: readonly Calibration[];
}

/** A picture as the browser decodes it. */
export interface RawPicture {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8ClampedArray<ArrayBuffer>;
}

/** One of the two shares a worker was sent. */
export interface SharePicture {
  readonly form: 'seed' | 'explicit';
  /** Bytes of this share in the message: 32 for a seed. */
  readonly sentBytes: number;
  /** The share itself, 8 bytes per input: the explicit bytes, or what the seed expands to. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What one worker was sent in one prediction, taken from the bytes that left the browser. */
export interface MessageView {
  readonly name: string;
  /** The whole message. */
  readonly messageBytes: number;
  readonly shares: readonly [SharePicture, SharePicture];
  /** The message and the reply to it, byte for byte. */
  readonly sent: Uint8Array;
  readonly received: Uint8Array;
  /** The worker's summand of the logits, as its reply carries it: 8 bytes each. */
  readonly summands: Uint8Array;
}

/** One step of the plan: what it is, what the protocol declares that it costs, and what this very request cost. */
export interface StepView {
  readonly name: string;
  readonly op: PlanStep['op'];
  /** Bytes by worker, of the messages among workers; null when this page does not know the protocol. */
  readonly declared: { readonly rounds: number; readonly bytesSent: Triple<number> } | null;
  /** Rounds, bytes sent and microseconds, by worker; null where a worker does not say. */
  readonly measured: Triple<{
    readonly rounds: number;
    readonly bytesSent: number;
    readonly micros: number;
  }> | null;
}

/** What a prediction answers, as the page shows it. */
export type PredictionAnswer = Omit<Prediction, 'transcript' | 'probabilities'> & {
  /** Softmax of the logits, also for models that end without one; null for models that reveal classes only. */
  readonly probabilities: Float64Array | null;
};

/** A prediction with all that the page shows of it: pictures of the messages in place of the messages. */
export type PredictionView = PredictionAnswer & {
  readonly views: Triple<MessageView>;
  readonly steps: readonly StepView[];
  /** f of the inputs, and of the outputs, which are the high outputBits of what the replies add up to. */
  readonly fixedPoint: {
    readonly fractionalBits: number;
    readonly outputFractionalBits: number;
    readonly outputBits: number;
  };
};

/** What the same model says in the clear. */
export interface PlaintextView {
  readonly logits: readonly number[];
  /** Median of some runs, the first one not counted. */
  readonly milliseconds: number;
  readonly label: string;
}

/** A model that the three workers hold, as the page offers it: the version that answers, else the newest. */
export interface ModelSummary {
  readonly name: string;
  readonly version: number;
  readonly state: VersionState;
  /** Whether it takes pictures prepared as MNIST's. */
  readonly takesDigits: boolean;
  /** What its answers tell. */
  readonly reveal: Reveal;
  /** Null for who is not told how much others ask. */
  readonly served: number | null;
  readonly requestLimit: number | null;
  /** What runs predictions that name none, and those that may be named. */
  readonly protocol: ProtocolName;
  readonly protocols: readonly ProtocolName[];
  /** Who may ask. */
  readonly access: AccessMode;
}

/** Calls that are answered, by name: what they take, what they tell on the way, and what they give. */
export interface Calls {
  connect: { readonly takes: ConnectSettings; readonly tells: never; readonly gives: null };
  setToken: {
    readonly takes: { readonly token: string | null };
    readonly tells: never;
    readonly gives: null;
  };
  prepare: {
    readonly takes: RawPicture;
    readonly tells: never;
    readonly gives: Uint8Array<ArrayBuffer> | null;
  };
  /** Tells the answer as soon as it is there; what can be shown of how it came about follows. */
  predict: {
    readonly takes: {
      readonly model: string;
      /** 784 grey values, as `prepare` gives them. */
      readonly pixels: Uint8Array;
      readonly timeoutMs: number;
      /** The one that the model is served with unless told. */
      readonly protocol?: ProtocolName;
    };
    readonly tells: PredictionAnswer;
    readonly gives: PredictionView;
  };
  selfTest: { readonly takes: null; readonly tells: never; readonly gives: SelfTestReport };
  /** Reads pictures of digits from files; tells how many are read. */
  readBatch: {
    readonly takes: BatchSource;
    readonly tells: { readonly read: number; readonly of: number };
    readonly gives: BatchPictures;
  };
  /** Classifies many pictures; tells the answers as they come. */
  runBatch: {
    readonly takes: { readonly model: string; readonly pixels: Uint8Array };
    readonly tells: BatchAnswers;
    readonly gives: BatchSummary;
  };
  /** The public model's logits of a digit, in the clear, by TensorFlow.js. */
  plaintext: {
    readonly takes: { readonly model: string; readonly pixels: Uint8Array };
    readonly tells: never;
    readonly gives: PlaintextView;
  };
  /** Reads and compiles a model file; it stays in the compute worker until the next one. */
  inspectModel: { readonly takes: ModelChoice; readonly tells: never; readonly gives: ModelInspection };
  /** Proves to the workers who owns the models; from here on `owned` reports them. */
  openOwner: {
    readonly takes: { readonly keyText: string };
    readonly tells: never;
    readonly gives: readonly OwnedModel[];
  };
  closeOwner: { readonly takes: null; readonly tells: never; readonly gives: null };
  /** Shares the model that was inspected last. */
  shareModel: {
    readonly takes: ShareWish;
    readonly tells: { readonly doneBytes: number; readonly totalBytes: number };
    readonly gives: OwnedModel;
  };
  /** Gives the models as they are afterwards. */
  commandOwner: {
    readonly takes: OwnerCommand;
    readonly tells: never;
    readonly gives: readonly OwnedModel[];
  };
}

export type CallName = keyof Calls;

export type ToWorker =
  | {
      [Name in CallName]: { readonly type: Name; readonly id: number; readonly takes: Calls[Name]['takes'] };
    }[CallName]
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'preference'; readonly preference: ComputePreference };

export type FromWorker =
  | { readonly type: 'result'; readonly id: number; readonly value: Calls[CallName]['gives'] }
  | { readonly type: 'progress'; readonly id: number; readonly value: Calls[CallName]['tells'] }
  | { readonly type: 'failure'; readonly id: number; readonly error: ErrorBody }
  | {
      readonly type: 'workers';
      readonly workers: readonly WorkerView[];
      readonly models: readonly ModelSummary[];
    }
  | { readonly type: 'sharing'; readonly sharing: SharingState }
  | { readonly type: 'owned'; readonly models: readonly OwnedModel[] };
