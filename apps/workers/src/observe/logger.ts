/**
 * Structured logs, one JSON line an event. What is logged is chosen field by field where it is logged; the guards
 * here are the second wall: byte arrays and long lists of numbers never appear, whatever they are called, fields named like a
 * secret are blanked wherever they stand, and objects that say themselves how they are printed are printed so.
 */
import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

const SECRET_FIELD =
  /^(shares?|seeds?|words|key|payload|data|inputs|outputs|signature|proof|token|psk|pass(phrase|word)|.*secret.*)$/i;
const REDACTED = '[redacted]';
const MAX_DEPTH = 4;
/** More numbers in a row than that are a share, or a digit. */
const MAX_NUMBERS = 16;

/** @param destination where lines go; standard output when left out */
export function createLogger(worker: string, level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { worker },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (fields: Record<string, unknown>) => withoutSecrets(fields, 0) as Record<string, unknown>,
    },
    // Errors have been taken apart already; pino would take them for its own.
    serializers: { err: (error: unknown) => error },
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

function withoutSecrets(value: unknown, depth: number): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Error) return serializeError(value);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if ('toJSON' in value && typeof value.toJSON === 'function') return value.toJSON();
  if (depth === MAX_DEPTH) return '[deep]';
  if (Array.isArray(value)) {
    const isNumbers = value.length > MAX_NUMBERS && value.every((entry) => !Number.isNaN(Number(entry)));
    return isNumbers ? `[${value.length} numbers]` : value.map((entry) => withoutSecrets(entry, depth + 1));
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => [
      name,
      SECRET_FIELD.test(name) ? REDACTED : withoutSecrets(entry, depth + 1),
    ]),
  );
}
