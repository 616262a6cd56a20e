import { formatMilliseconds } from '../../components/format.js';
import type { ProtocolResult } from '../../stores/compare-slice.js';
import styles from './comparison-table.module.css';
import { deviationOf } from './latency-model.js';
import { RUNS } from './use-comparison.js';

interface PredictionCheckProps {
  readonly results: readonly ProtocolResult[];
  readonly roundTripMs: number;
}

/** What was predicted before these runs, what they took, and how far the two are apart. */
export function PredictionCheck({ results, roundTripMs }: PredictionCheckProps) {
  const before = results.find(({ check }) => check.fromRoundTripMs !== null)?.check.fromRoundTripMs ?? null;
  return (
    <>
      <h3 className={styles.heading}>Checked against measured runs</h3>
      <p className={styles.words}>
        {before === null
          ? `Predicted from the first ${RUNS / 2} runs for the other ${RUNS / 2}. Compare again, on this line or on another one, and these figures are predicted for then.`
          : `Predicted from the comparison before, when a message and its answer took ${formatMilliseconds(before)}; measured now, when they take ${formatMilliseconds(roundTripMs)}.`}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: wide tables scroll, with keys too */}
      <section className={styles.scroll} tabIndex={0} aria-label="Predictions and measurements">
        <table className={`${styles.table} ${styles.narrow}`}>
          <thead>
            <tr>
              <th scope="col">Protocol</th>
              <th scope="col">Predicted</th>
              <th scope="col">Measured</th>
              <th scope="col">Apart</th>
            </tr>
          </thead>
          <tbody>
            {results.map(({ protocol, check: { predictedMs, measuredMs } }) => (
              <tr key={protocol} data-testid={`check-${protocol}`}>
                <th scope="row">{protocol}</th>
                <td>
                  <data value={predictedMs}>{formatMilliseconds(predictedMs)}</data>
                </td>
                <td>
                  <data value={measuredMs}>{formatMilliseconds(measuredMs)}</data>
                </td>
                <td>
                  <data value={measuredMs - predictedMs}>
                    {formatMilliseconds(Math.abs(measuredMs - predictedMs))}
                  </data>
                  , <span className={styles.whole}>{inPercent(predictedMs, measuredMs)}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}

/** For example "5 % longer". */
function inPercent(predictedMs: number, measuredMs: number): string {
  const percent = Math.round(100 * Math.abs(deviationOf(predictedMs, measuredMs)));
  const way = measuredMs < predictedMs ? 'shorter' : 'longer';
  return `${percent} % ${way}`;
}
