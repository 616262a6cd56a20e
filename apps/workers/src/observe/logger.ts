/**
 * Structured logs, one JSON line an event. What is logged is chosen field by field where it is logged; the guards
 * here are the second wall: byte arrays never appear, whatever they are called, and fields named like a secret
 * are blanked.
 */
import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

const SECRET_FIELDS = [
  'share',
  'shares',
  'seed',
  'words',
  'key',
  'payload',
  'data',
  'inputs',
  'outputs',
  'signature',
];
const MAX_DEPTH = 4;

/** @param destination where lines go; standard output when left out */
export function createLogger(worker: string, level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { worker },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
      censor: '[redacted]',
    },
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (fields: Record<string, unknown>) => withoutBytes(fields, 0) as Record<string, unknown>,
    },
    serializers: { err: serializeError },
  };
  return pino(options, destination ?? standardOutput());
}

/** What is kept of lines that cannot be written now. */
const MAX_UNWRITTEN_CHARACTERS = 1024 * 1024;

/** A log that cannot be written, for its disk is full, must not end the worker: lines wait, the latest are dropped. */
function standardOutput(): DestinationStream {
  const output = pino.destination({ sync: true, maxLength: MAX_UNWRITTEN_CHARACTERS });
  output.on('error', () => undefined);
  return output;
}

/** The first sentence and the stack of an error; its cause and other fields stay out. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message, stack } = error;
  const code = (error as { code?: unknown }).code;
  return { name, message, stack, ...(typeof code === 'string' ? { code } : {}) };
}

function withoutBytes(value: unknown, depth: number): unknown {
  if (value === null || typeof value !== 'object' || value instanceof Error) return value;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (depth === MAX_DEPTH) return '[deep]';
  if (Array.isArray(value)) return value.map((entry) => withoutBytes(entry, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => [name, withoutBytes(entry, depth + 1)]),
  );
}
