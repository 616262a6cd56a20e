/**
 * Objects that hold secrets say what they are wherever they are printed, and never what they hold: `console.log`, templates,
 * `String()`, `JSON.stringify`, loggers, failed assertions. It is their prototype that says so, so one more object costs nothing.
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

/** An object with further fields that can be read as any other, and are not shown, copied by a spread, or listed. */
export function withHidden<Shown extends object, Hidden extends object>(
  shown: Shown,
  hidden: Hidden,
): Shown & Hidden {
  for (const [name, value] of Object.entries(hidden)) {
    Object.defineProperty(shown, name, { value, enumerable: false });
  }
  return shown as Shown & Hidden;
}
