/** Errors of the model compiler; each message is a sentence a model owner can act on. */

export interface UnsupportedEntry {
  /** Zero-based position in the model. */
  readonly position: number;
  readonly name: string;
  readonly className: string;
  readonly reason: string;
}

/** The model has layers that Trivet cannot evaluate; `layers` lists every one of them. */
export class UnsupportedLayersError extends Error {
  readonly code = 'UNSUPPORTED_LAYERS';

  constructor(readonly layers: readonly UnsupportedEntry[]) {
    const list = layers
      .map((layer) => `  - layer ${layer.position} "${layer.name}" (${layer.className}): ${layer.reason}`)
      .join('\n');
    super(`This model has ${layers.length} unsupported layer${layers.length === 1 ? '' : 's'}:\n${list}`);
    this.name = 'UnsupportedLayersError';
  }
}

/** The graph is not well formed: a shape does not fit, a name is missing, a tensor has the wrong size. */
export class InvalidModelError extends Error {
  readonly code = 'INVALID_MODEL';

  constructor(message: string) {
    super(message);
    this.name = 'InvalidModelError';
  }
}

/** A value of the model can outgrow the fixed-point format; `layer` is the first one where that happens. */
export class ModelRangeError extends Error {
  readonly code = 'MODEL_RANGE';

  constructor(
    readonly layer: string,
    readonly bound: number,
    readonly limit: number,
    bits: number,
    fractionalBits: number,
  ) {
    super(
      `Layer "${layer}" can reach ${bound.toPrecision(3)}, and ${bits} bits of which ${fractionalBits} are ` +
        `fractional hold values below ${limit.toPrecision(3)}: use fewer fractional bits, a smaller input range, ` +
        'or smaller weights.',
    );
    this.name = 'ModelRangeError';
  }
}
