/** The results as CSV and as JSON. Written a thousand rows at a time, so that the page stays awake. */
import { type BatchPictures, type BatchSummary, NO_LABEL } from '../../compute/batch/messages.js';
import { type BatchResults, type Score, UNANSWERED } from '../../stores/batch-slice.js';

export interface BatchExport {
  readonly pictures: BatchPictures;
  readonly results: BatchResults;
  readonly summary: BatchSummary | null;
  readonly score: Score;
  readonly elapsedMs: number;
}

interface Row {
  readonly index: number;
  readonly name: string | null;
  readonly label: number | null;
  readonly answer: number;
  /** Both null where the model reveals classes only. */
  readonly confidence: number | null;
  readonly logits: readonly number[] | null;
}

const ROWS_AT_ONCE = 1000;

export async function csvOf(data: BatchExport): Promise<Blob> {
  const head = ['index', 'name', 'label', 'answer', 'correct', 'confidence'];
  const logits = Array.from({ length: 10 }, (_, digit) => `logit_${digit}`);
  const parts = [`${[...head, ...logits].join()}\r\n`];
  await eachRow(data, (row) => {
    const { index, name, label, answer, confidence } = row;
    const correct = label === null ? '' : String(label === answer);
    const cells = [index, quoted(name ?? ''), label ?? '', answer, correct, decimal(confidence)];
    const scores = row.logits ?? logits.map(() => null);
    parts.push(`${[...cells, ...scores.map(decimal)].join()}\r\n`);
  });
  return new Blob(parts, { type: 'text/csv' });
}

export async function jsonOf(data: BatchExport): Promise<Blob> {
  const { summary, score, elapsedMs } = data;
  const { judged, correct, confusion } = score;
  const head = {
    format: 'trivet batch 1',
    model: summary?.model ?? null,
    version: summary?.version ?? null,
    milliseconds: Math.round(elapsedMs),
    accuracy: judged === 0 ? null : correct / judged,
    judged,
    correct,
    confusion: Array.from({ length: 10 }, (_, label) => confusion.slice(10 * label, 10 * label + 10)),
  };
  const parts = [`${JSON.stringify(head, null, 2).slice(0, -2)},\n  "results": [`];
  let separator = '\n    ';
  await eachRow(data, (row) => {
    parts.push(separator, JSON.stringify(row));
    separator = ',\n    ';
  });
  parts.push('\n  ]\n}\n');
  return new Blob(parts, { type: 'application/json' });
}

async function eachRow({ pictures, results }: BatchExport, write: (row: Row) => void): Promise<void> {
  for (let index = 0; index < pictures.count; index++) {
    if (index % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) await new Promise((resolve) => setTimeout(resolve));
    const answer = results.classes[index]!;
    if (answer === UNANSWERED) continue;
    const label = pictures.labels?.[index] ?? NO_LABEL;
    const confidence = results.confidences[index]!;
    write({
      index,
      name: pictures.names?.[index] ?? null,
      label: label === NO_LABEL ? null : label,
      answer,
      ...(Number.isNaN(confidence)
        ? { confidence: null, logits: null }
        : { confidence, logits: [...results.logits.subarray(10 * index, 10 * index + 10)] }),
    });
  }
}

function decimal(value: number | null): string {
  return value === null ? '' : value.toFixed(6);
}

/**
 * A cell with its quotes doubled. Names come from files: one that a spreadsheet would run as a formula gets an
 * apostrophe in front (OWASP, CSV injection).
 */
function quoted(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}
