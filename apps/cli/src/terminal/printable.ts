/**
 * What is printed may come from a worker, or out of a model's file: names, labels, the sentence of an error. A control
 * sequence in it could move the cursor, rewrite what stands there, or set the clipboard of the terminal; a change of the
 * writing direction could make it read otherwise. Both are shown as they are written in JSON.
 */
const UNPRINTABLE = /[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/gu;

export function printable(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** From here on this process prints nothing else. */
export function printOnlyPrintable(): void {
  for (const method of ['log', 'error', 'warn'] as const) {
    const print = console[method].bind(console);
    console[method] = (...parts: unknown[]) =>
      print(...parts.map((part) => (typeof part === 'string' ? printable(part) : part)));
  }
}
