/**
 * Objects that hold shares, seeds or keys say what they are wherever they are printed, and never what they hold. (The wire's
 * own objects have the same from shared-types, which this package does not know.) It is their prototype that says so, so one
 * more object costs nothing.
 */

/** What Node.js' `util.inspect`, and so its console, asks an object for; but not `console.dir`, which shows what is inside. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

export abstract class Redacted {
  /** What is printed in its place. */
  abstract toString(): string;

  toJSON(): string {
    return this.toString();
  }

  [INSPECT](): string {
    return this.toString();
  }
}
