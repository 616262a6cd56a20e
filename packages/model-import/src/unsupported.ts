/** Leaves the translation of one layer or operation with the reason why Trivet cannot evaluate it. Never leaves this package. */
export class Unsupported {
  constructor(readonly reason: string) {}
}
