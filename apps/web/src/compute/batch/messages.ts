/** What the batch page and the compute worker say to each other about many pictures. */
import type { Reveal } from '@trivet/mpc-core';

/** Where the pictures come from; everything is read on this computer. */
export type BatchSource =
  | { readonly kind: 'mnist'; readonly count: number }
  | { readonly kind: 'files'; readonly files: readonly BatchFile[] };

export interface BatchFile {
  readonly file: File;
  /** With its folders, for example "testing/7/12.png": a folder named by a digit labels what is in it. */
  readonly path: string;
}

/** Pictures that are ready to be sent. */
export interface BatchPictures {
  /** 784 grey values each. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly count: number;
  /** The right digits, {@link NO_LABEL} where unknown; null when no picture has one. */
  readonly labels: Uint8Array<ArrayBuffer> | null;
  /** What each picture is called, or null when its number is all there is to say. */
  readonly names: readonly string[] | null;
  /** Sentences about files that could not be read; the others were. */
  readonly problems: readonly string[];
}

export const NO_LABEL = 255;

/** The answers to `count` pictures from picture `from` on. */
export interface BatchAnswers {
  readonly from: number;
  readonly count: number;
  readonly classes: Uint8Array<ArrayBuffer>;
  /** Probabilities of the classes; as `logits`, not numbers where the model reveals classes only. */
  readonly confidences: Float32Array<ArrayBuffer>;
  /** 10 a picture. */
  readonly logits: Float32Array<ArrayBuffer>;
}

export interface BatchSummary {
  readonly model: string;
  readonly version: number;
  /** What the model's answers tell. */
  readonly reveal: Reveal;
  readonly computeLabel: string;
  /** Sent by this page and received by it, of all requests. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Between the workers, of all requests. */
  readonly workerBytes: number;
}
