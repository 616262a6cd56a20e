import { useState } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { Button } from '../../components/button.js';
import { formatBytes } from '../../components/format.js';
import { Icon } from '../../components/icons.js';
import { saveFile } from '../../components/save-file.js';
import type { BatchPictures } from '../../compute/batch/messages.js';
import { useAppStore } from '../../stores/app-store.js';
import type { BatchResults, Score } from '../../stores/batch-slice.js';
import styles from './batch-results.module.css';
import { ConfusionMatrix } from './confusion-matrix.js';
import { csvOf, jsonOf } from './export.js';
import { PictureGallery } from './picture-gallery.js';

interface BatchResultsProps {
  readonly pictures: BatchPictures;
  readonly results: BatchResults;
  readonly score: Score;
}

/** How good the answers are, which ones are wrong, and all of them as files. */
export function BatchResultsView({ pictures, results, score }: BatchResultsProps) {
  const { batchSummary, batchElapsedMs, batchPhase } = useAppStore(
    useShallow(({ batchSummary, batchElapsedMs, batchPhase }) => {
      return { batchSummary, batchElapsedMs, batchPhase };
    }),
  );
  const [cell, setCell] = useState<readonly [label: number, answer: number] | null>(null);
  const { judged, correct, wrong } = score;
  const data = { pictures, results, summary: batchSummary, score, elapsedMs: batchElapsedMs };
  const inCell = (index: number) =>
    cell === null || (pictures.labels?.[index] === cell[0] && results.classes[index] === cell[1]);
  return (
    <>
      <section className={styles.results} aria-labelledby="results-title">
        <h2 id="results-title" className={styles.title}>
          Answers
        </h2>
        {judged > 0 && (
          <p className={styles.accuracy} data-testid="accuracy">
            <b>{((100 * correct) / judged).toFixed(2)} %</b> right: {correct.toLocaleString('en')} of{' '}
            {judged.toLocaleString('en')}
          </p>
        )}
        {batchSummary !== null && (
          <p className={styles.cost}>
            {batchSummary.model} v{batchSummary.version}. This page sent {formatBytes(batchSummary.sentBytes)}{' '}
            and received {formatBytes(batchSummary.receivedBytes)}; the workers exchanged{' '}
            {formatBytes(batchSummary.workerBytes)}. Shares made by {batchSummary.computeLabel}.
          </p>
        )}
        {batchSummary !== null && batchSummary.reveal !== 'logits' && (
          <p className={styles.cost} data-testid="classes-only">
            This model tells its digits and nothing else: there is no score to say how sure it is, neither
            here nor in the files.
          </p>
        )}
        <div className={styles.exports}>
          <Button onClick={async () => saveFile('trivet-batch.csv', await csvOf(data))}>
            <Icon name="download" />
            CSV
          </Button>
          <Button onClick={async () => saveFile('trivet-batch.json', await jsonOf(data))}>
            <Icon name="download" />
            JSON
          </Button>
        </div>
      </section>
      {judged > 0 && <ConfusionMatrix confusion={score.confusion} chosen={cell} onChoose={setCell} />}
      {judged > 0 && batchPhase !== 'running' && (
        <PictureGallery
          title={cell === null ? 'Read wrongly' : `A ${cell[0]} read as ${cell[1]}`}
          indices={wrong.filter(inCell)}
          pictures={pictures}
          results={results}
          empty={judged === 0 ? '' : 'None: every picture with a label was read as its label says.'}
          onShowAll={cell === null ? null : () => setCell(null)}
        />
      )}
    </>
  );
}
