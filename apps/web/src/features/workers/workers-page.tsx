import { Notice } from '../../components/notice.js';
import { PageTitle } from '../../components/page-title.js';
import { Sentence } from '../../components/sentence.js';
import { useAppStore } from '../../stores/app-store.js';
import { describeModel, describeWorker } from './describe-worker.js';
import { faultsOf } from './faults.js';
import { HistoryCharts } from './history-charts.js';
import { WorkerCards } from './worker-cards.js';
import styles from './workers-page.module.css';

/** The three workers, live: state, faults, figures and the last minutes. */
export default function WorkersPage() {
  const workers = useAppStore((state) => state.workers);
  const models = useAppStore((state) => state.models);
  // Not before each of them has been heard of, or is known to be away: a fault that comes and goes makes the page jump.
  const heardOf = workers?.every((worker) => describeWorker(worker).level !== 'connecting') ?? false;
  const faults = workers === null || !heardOf ? [] : faultsOf(workers, models);
  const tellsHowTheyAre = workers?.some((worker) => worker.status?.operation != null) ?? true;
  return (
    <>
      <PageTitle title="The three workers" documentTitle="Workers">
        Each is run by somebody else, on a machine of its own. All three must be there for an answer; one
        alone learns nothing.
      </PageTitle>
      <div className={styles.page}>
        {faults.length > 0 && (
          <ul className={styles.faults} aria-label="What is wrong">
            {faults.map(({ id, severity, title, means, todo }) => (
              <li key={id} data-testid="fault">
                <Notice tone={severity === 'stops' ? 'alarm' : 'calm'} title={title}>
                  <p>
                    <Sentence text={means} />
                  </p>
                  <p className={styles.todo}>
                    <b>What to do:</b> <Sentence text={todo} />
                  </p>
                </Notice>
              </li>
            ))}
          </ul>
        )}
        <WorkerCards workers={workers} models={models} />
        <section aria-labelledby="models-title">
          <h2 id="models-title" className={styles.subtitle}>
            Models they hold together
          </h2>
          {models.length === 0 ? (
            <p>None that this page may ask for: none is shared, or each needs a token.</p>
          ) : (
            <ul className={styles.models}>
              {models.map((model) => (
                <li key={`${model.name} ${model.version}`}>
                  <b>{describeModel(model)}</b>, protocol {model.protocol}
                </li>
              ))}
            </ul>
          )}
        </section>
        {tellsHowTheyAre ? (
          <HistoryCharts />
        ) : (
          <p>How busy they are, the workers tell those who look after them, and not this page.</p>
        )}
      </div>
    </>
  );
}
