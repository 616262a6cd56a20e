/** A decoder with a fault that only an input reaches which was led there step by step. */
export function toyDecoder(input: Uint8Array): void {
  const top = (index: number) => (input[index] ?? 0) >> 6;
  if (top(0) !== 1) return;
  if (top(1) !== 2) return;
  if (top(2) !== 3) return;
  if (top(3) !== 1) return;
  if (top(4) !== 2) return;
  if (top(5) !== 3) return;
  throw new TypeError('the fault');
}
