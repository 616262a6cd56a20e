import { useShallow } from 'zustand/react/shallow';
import { Button } from '../../components/button.js';
import { formatMilliseconds, formatProbability } from '../../components/format.js';
import { useAppStore } from '../../stores/app-store.js';
import styles from './answer-panel.module.css';
import { ClassesOnly } from './classes-only.js';
import { FailureNotice } from './failure-notice.js';
import { ProbabilityBars } from './probability-bars.js';
import { StageTimes } from './stage-times.js';

/** What the three replies add up to: known to this page only. */
export function AnswerPanel() {
  // Only what is shown: the digit itself changes with every move of the pen.
  const { phase, answer, failure } = useAppStore(
    useShallow(({ phase, answer, failure }) => ({ phase, answer, failure })),
  );
  const outdated = useAppStore(({ answer, digit }) => answer !== null && answer.digit !== digit);
  const askable = useAppStore(({ phase, digit }) => digit?.complete === true && phase !== 'running');
  const { askAgain } = useAppStore.getState();
  const prediction = answer?.prediction ?? null;
  const winner = prediction?.classes[0] ?? null;
  const probabilities = prediction?.probabilities ? [...prediction.probabilities].slice(0, 10) : null;
  const classesOnly = prediction !== null && prediction.reveal !== 'logits';
  // The helper deals ahead and waits for nobody: the evaluators count the rounds.
  const rounds = Math.max(0, ...(prediction?.workers ?? []).map((worker) => worker.rounds));
  const stale = phase !== 'idle' || outdated;
  const failed = phase === 'failed' && failure !== null;

  return (
    <section className={styles.panel} aria-labelledby="answer-title" aria-busy={phase === 'running'}>
      <h2 id="answer-title" className={styles.title}>
        Only you read
      </h2>
      <div className={styles.sheet}>
        <div className={styles.result} data-stale={stale}>
          {failed ? (
            <FailureNotice failure={failure} onRetry={askAgain} />
          ) : (
            <>
              <p
                className={styles.winner}
                data-empty={winner === null}
                data-testid="answer"
                aria-live="polite"
              >
                <span className="visually-hidden">
                  {winner === null ? 'No answer yet' : 'The answer is '}
                </span>
                <span aria-hidden={winner === null}>{winner ?? '?'}</span>
              </p>
              <div className={styles.words}>
                {winner === null ? (
                  <p>The answer comes up here as soon as you lift the pen.</p>
                ) : (
                  <>
                    {!classesOnly && (
                      <p className={styles.sure}>{formatProbability(probabilities?.[winner] ?? 0)}</p>
                    )}
                    <p>
                      {classesOnly ? 'After' : 'sure, after'}{' '}
                      {formatMilliseconds(prediction?.timings.totalMs ?? 0)} and {rounds} rounds between the
                      workers
                    </p>
                  </>
                )}
              </div>
            </>
          )}
        </div>
        {classesOnly && !failed ? (
          <ClassesOnly topClasses={[...(prediction.topClasses ?? [])]} />
        ) : (
          <ProbabilityBars probabilities={failed ? null : probabilities} winner={failed ? null : winner} />
        )}
        <StageTimes answer={failed ? null : answer} />
        <div className={styles.foot}>
          <p className={styles.compute} data-testid="compute">
            {prediction === null || failed
              ? 'Shares are made in this browser'
              : `Shared by ${prediction.compute.label}`}
          </p>
          <Button onClick={askAgain} disabled={!askable}>
            Ask again
          </Button>
        </div>
      </div>
      <details className={styles.logits}>
        <summary>Logits</summary>
        {prediction === null || failed ? (
          <p>The ten numbers before softmax, once there is an answer.</p>
        ) : prediction.logits === null ? (
          <p>
            The workers have answered with the digit alone: they gave nothing else that could be added up.
          </p>
        ) : (
          <ol data-testid="logits">
            {[...prediction.logits].map((logit, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a logit is its digit's
              <li key={index}>
                <span>{index}</span> {logit.toFixed(4)}
              </li>
            ))}
          </ol>
        )}
      </details>
    </section>
  );
}
