/** A model file is not what it should be; the message says in what, so that its owner can repair it. */
export class ModelFormatError extends Error {
  readonly code = 'INVALID_MODEL_FILE';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ModelFormatError';
  }
}
