import encodedSamples from 'virtual:mnist-samples';

export interface Sample {
  /** Position in the MNIST test set. */
  readonly index: number;
  readonly label: number;
  readonly pixels: Uint8Array;
}

/** Twenty digits of the MNIST test set, in the order 0 to 9, twice. */
export const SAMPLES: readonly Sample[] = encodedSamples.map(({ index, label, pixels }) => ({
  index,
  label,
  pixels: Uint8Array.from(atob(pixels), (character) => character.charCodeAt(0)),
}));
