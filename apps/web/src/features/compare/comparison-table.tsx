import { formatBytes, formatMilliseconds } from '../../components/format.js';
import { Sentence } from '../../components/sentence.js';
import type { Comparison, ProtocolResult } from '../../stores/compare-slice.js';
import styles from './comparison-table.module.css';

/** A row for the clear, and one a protocol. */
export function ComparisonTable({ comparison }: { readonly comparison: Comparison }) {
  const { plaintext, results } = comparison;
  const clear = plaintext !== null && 'logits' in plaintext ? plaintext : null;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: wide tables scroll, with keys too
    <section className={styles.scroll} tabIndex={0} aria-label="Comparison">
      <table className={`${styles.table} ${styles.cards}`}>
        <thead>
          <tr>
            <th scope="col">How</th>
            <th scope="col">Answer</th>
            <th scope="col">Largest difference of a logit</th>
            <th scope="col">Time</th>
            <th scope="col">Of it in the queue</th>
            <th scope="col">Rounds</th>
            <th scope="col">Between workers</th>
            <th scope="col">To and from this page</th>
          </tr>
        </thead>
        <tbody>
          {clear !== null && (
            <tr data-testid="plaintext">
              <th scope="row">{clear.label}</th>
              <td className={styles.answer} data-label="Answer">
                {largestOf(clear.logits)}
              </td>
              <td data-label="Off by">–</td>
              <td data-label="Time">{formatMilliseconds(clear.milliseconds)}</td>
              <td data-label="In the queue">none</td>
              <td data-label="Rounds">none</td>
              <td data-label="Workers">nothing</td>
              <td data-label="This page">nothing</td>
            </tr>
          )}
          {plaintext !== null && !('logits' in plaintext) && (
            <tr data-testid="plaintext">
              <th scope="row">in the clear</th>
              <td colSpan={7} className={styles.failure}>
                <Sentence text={plaintext.message} />
              </td>
            </tr>
          )}
          {results.map((result) => (
            <tr key={result.protocol} data-testid={`protocol-${result.protocol}`}>
              <th scope="row">{result.protocol}</th>
              {'failure' in result ? (
                <td colSpan={7} className={styles.failure}>
                  <Sentence text={result.failure.message} />
                </td>
              ) : (
                <Figures result={result} clear={clear?.logits ?? null} />
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Figures({
  result,
  clear,
}: {
  readonly result: ProtocolResult;
  readonly clear: readonly number[] | null;
}) {
  const { answer, logits, totalMs, queueMs, rounds, workerBytes, clientBytes } = result;
  const difference =
    clear === null || logits === null
      ? null
      : Math.max(...logits.map((logit, index) => Math.abs(logit - clear[index]!)));
  return (
    <>
      <td className={styles.answer} data-label="Answer">
        {answer}
      </td>
      <td data-label="Off by">
        {difference === null ? withoutLogits(answer, logits, clear) : difference.toFixed(5)}
      </td>
      <td data-label="Time">
        <data value={totalMs}>{formatMilliseconds(totalMs)}</data>
      </td>
      <td data-label="In the queue">
        <data value={queueMs}>{formatMilliseconds(queueMs)}</data>
      </td>
      <td data-label="Rounds">{rounds}</td>
      <td data-label="Workers">{formatBytes(workerBytes)}</td>
      <td data-label="This page">{formatBytes(clientBytes)}</td>
    </>
  );
}

/** In place of a difference: what can be said without the logits of both. */
function withoutLogits(
  answer: number,
  logits: readonly number[] | null,
  clear: readonly number[] | null,
): string {
  if (logits !== null || clear === null) return '–';
  return answer === largestOf(clear) ? 'not told: same answer' : 'not told: another answer';
}

function largestOf(logits: readonly number[]): number {
  return logits.indexOf(Math.max(...logits));
}
