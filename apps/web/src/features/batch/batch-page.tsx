import { useDeferredValue, useMemo } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { Notice } from '../../components/notice.js';
import { PageTitle } from '../../components/page-title.js';
import { Sentence } from '../../components/sentence.js';
import { useAppStore } from '../../stores/app-store.js';
import { scoreOf } from '../../stores/batch-slice.js';
import { selectModel } from '../../stores/workers-slice.js';
import styles from './batch-page.module.css';
import { BatchProgress } from './batch-progress.js';
import { BatchResultsView } from './batch-results.js';
import { BatchSourcePicker } from './batch-source-picker.js';
import { ContactSheet } from './contact-sheet.js';
import { useBatch } from './use-batch.js';

/** Hundreds or thousands of pictures, privately. */
export default function BatchPage() {
  const batch = useBatch();
  const { batchPhase, batchPictures, batchResults, batchDone, batchFailure } = useAppStore(
    useShallow(({ batchPhase, batchPictures, batchResults, batchDone, batchFailure }) => {
      return { batchPhase, batchPictures, batchResults, batchDone, batchFailure };
    }),
  );
  const model = useAppStore((state) => selectModel(state)?.name ?? null);
  const labels = batchPictures?.labels ?? null;
  // Rendered in slices, between which the page answers.
  const results = useDeferredValue(batchDone === 0 ? null : batchResults);
  const done = useDeferredValue(batchDone);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the results are filled in place; `done` says when
  const score = useMemo(() => scoreOf(labels, results), [labels, results, done]);
  return (
    <>
      <PageTitle title="Many digits at once" documentTitle="Batch">
        Each picture is split into shares in this browser, a hundred at a time. The workers see as little of a
        thousand digits as of one.
      </PageTitle>
      <div className={styles.page}>
        <BatchSourcePicker batch={batch} />
        {batchPictures !== null && (
          <section aria-labelledby="pictures-title" className={styles.section}>
            <h2 id="pictures-title" className={styles.subtitle}>
              {batchPictures.count.toLocaleString('en')} {batchPictures.count === 1 ? 'picture' : 'pictures'}
              <span className={styles.aside}>
                {batchPictures.labels === null ? 'without labels' : 'with labels'}
              </span>
            </h2>
            <ContactSheet pictures={batchPictures} />
            {batchPictures.problems.length > 0 && (
              <Notice title="Some files were left out">
                <ul>
                  {batchPictures.problems.map((problem) => (
                    <li key={problem}>{problem}</li>
                  ))}
                </ul>
              </Notice>
            )}
          </section>
        )}
        <BatchProgress batch={batch} model={model} />
        {batchPhase === 'failed' && batchFailure !== null && (
          <Notice
            tone="alarm"
            title={
              batchFailure.worker === null ? 'That did not work' : `${batchFailure.worker} did not answer`
            }
            action={
              batchPictures !== null && model !== null
                ? { label: 'Run again', onClick: () => batch?.run(model) }
                : undefined
            }
          >
            <Sentence text={batchFailure.message} />
          </Notice>
        )}
        {batchPictures !== null && results !== null && results === batchResults && (
          <BatchResultsView pictures={batchPictures} results={results} score={score} />
        )}
      </div>
    </>
  );
}
