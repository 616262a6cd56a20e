import styles from './confusion-matrix.module.css';

const DIGITS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const;

interface ConfusionMatrixProps {
  /** [label * 10 + answer]. */
  readonly confusion: readonly number[];
  readonly chosen: readonly [label: number, answer: number] | null;
  readonly onChoose: (cell: readonly [label: number, answer: number] | null) => void;
}

/** Which digits were taken for which. A cell of mistakes is a button that shows them. */
export function ConfusionMatrix({ confusion, chosen, onChoose }: ConfusionMatrixProps) {
  return (
    <section className={styles.confusion} aria-labelledby="confusion-title">
      <h2 id="confusion-title" className={styles.title}>
        What was taken for what
      </h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: wide tables scroll, with keys too */}
      <section className={styles.scroll} tabIndex={0} aria-label="Confusion matrix">
        <table className={styles.table}>
          <caption className="visually-hidden">
            Confusion matrix: a row for each digit as labelled, a column for each answer
          </caption>
          <thead>
            <tr>
              <th scope="col" className={styles.corner}>
                label ↓ answer →
              </th>
              {DIGITS.map((digit) => (
                <th key={digit} scope="col">
                  {digit}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {DIGITS.map((label) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                {DIGITS.map((answer) => {
                  const count = confusion[10 * label + answer]!;
                  const isChosen = chosen?.[0] === label && chosen[1] === answer;
                  const row = confusion.slice(10 * label, 10 * label + 10);
                  const share = count / Math.max(1, ...row);
                  if (count === 0 || label === answer) {
                    return (
                      <td key={answer} data-right={label === answer} data-none={count === 0}>
                        {count}
                      </td>
                    );
                  }
                  return (
                    <td key={answer} className={styles.mistake}>
                      <button
                        type="button"
                        aria-pressed={isChosen}
                        aria-label={`${count} times a ${label} was read as ${answer}: show them`}
                        style={{ '--share': `${(20 + 60 * Math.min(1, 20 * share)).toFixed(0)}%` } as object}
                        onClick={() => onChoose(isChosen ? null : [label, answer])}
                      >
                        {count}
                      </button>
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}
