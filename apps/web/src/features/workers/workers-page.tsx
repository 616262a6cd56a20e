import { PageTitle } from '../../components/page-title.js';
import { useAppStore } from '../../stores/app-store.js';
import { describeModel, describeWorker } from './describe-worker.js';
import { FaultList } from './fault-list.js';
import { faultsOf } from './faults.js';
import { HistoryCharts } from './history-charts.js';
import { WorkerCards } from './worker-cards.js';
import styles from './workers-page.module.css';

/**
 * The three workers, live: state, faults, figures and the last minutes. What is heard of them comes bit by bit: each bit
 * has its place from the beginning, or is below all that is there.
 */
export default function WorkersPage() {
  const workers = useAppStore((state) => state.workers);
  const models = useAppStore((state) => state.models);
  const history = useAppStore((state) => state.history);
  const heardOf = (workers ?? []).filter((worker) => describeWorker(worker).level !== 'connecting');
  const known = workers !== null && heardOf.length === workers.length;
  const reports = heardOf.flatMap(({ status }) => (status === null ? [] : [status]));
  return (
    <>
      <PageTitle title="The three workers" documentTitle="Workers">
        Each is run by somebody else, on a machine of its own. All three must be there for an answer; one
        alone learns nothing.
      </PageTitle>
      <div className={styles.page}>
        <FaultList faults={known ? faultsOf(workers, models, history) : null} />
        <WorkerCards workers={workers} models={models} />
        <section aria-labelledby="models-title">
          <h2 id="models-title" className={styles.subtitle}>
            Models they hold together
          </h2>
          {models.length === 0 ? (
            <p>
              {reports.length === 0
                ? 'Known as soon as one of them answers.'
                : 'None that this page may ask for: none is shared, or each needs a token.'}
            </p>
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
        {reports.some(({ operation }) => operation !== null) ? (
          <HistoryCharts />
        ) : (
          reports.length > 0 && (
            <p>How busy they are, the workers tell those who look after them, and not this page.</p>
          )
        )}
      </div>
    </>
  );
}
