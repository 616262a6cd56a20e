import { useMemo } from 'react';
import { formatBytes, formatMilliseconds } from '../../components/format.js';
import { LineChart, type LineSeries } from '../../components/line-chart.js';
import { useAppStore } from '../../stores/app-store.js';
import { type Moment, ratesOf } from '../../stores/history-slice.js';
import styles from './history-charts.module.css';

const INKS = ['var(--first)', 'var(--second)', 'var(--third-line)'];
const DASHES: readonly (readonly number[] | undefined)[] = [undefined, [7, 4], [2, 3]];

interface Chart {
  readonly title: string;
  readonly format: (value: number) => string;
  readonly series: readonly LineSeries[];
}

/** The last ten minutes, since this page was opened. */
export function HistoryCharts() {
  const history = useAppStore((state) => state.history);
  const workers = useAppStore((state) => state.workers);
  const names = useMemo(() => workers?.map((worker) => worker.name).join() ?? '', [workers]);
  const times = useMemo(() => history.map((moment) => moment.at), [history]);
  const charts = useMemo(() => chartsOf(names.split(','), history), [names, history]);
  return (
    <section aria-labelledby="history-title">
      <h2 id="history-title" className={styles.title}>
        The last minutes
      </h2>
      <div className={styles.charts}>
        {charts.map(({ title, format, series }) => (
          <LineChart
            key={title}
            title={title}
            xs={times}
            series={series}
            format={format}
            x={{ kind: 'time' }}
          />
        ))}
      </div>
    </section>
  );
}

function chartsOf(names: readonly string[], history: readonly Moment[]): Chart[] {
  const lines = (valuesOf: (index: number) => readonly (number | null)[]): LineSeries[] =>
    names.map((name, index) => lineOf(index, name, valuesOf(index)));
  const pairs = [
    [0, 1],
    [1, 2],
    [2, 0],
  ] as const;
  const count = (value: number) => value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 1 : 0 });
  return [
    {
      title: 'Images a second',
      format: count,
      series: lines((index) => ratesOf(history, ({ workers }) => workers[index]?.served ?? null)),
    },
    {
      title: 'Sent a second',
      format: (value) => formatBytes(Math.round(value)),
      series: lines((index) => ratesOf(history, ({ workers }) => workers[index]?.bytes ?? null)),
    },
    {
      title: 'Round trip between workers',
      format: formatMilliseconds,
      series: pairs.map(([from, to], index) =>
        lineOf(
          index,
          `${names[from]}–${names[to]}`,
          history.map(({ workers }) => workers[from]?.roundTrips[names[to] ?? ''] ?? null),
        ),
      ),
    },
    {
      title: 'Requests waiting',
      format: count,
      series: lines((index) => history.map(({ workers }) => workers[index]?.queue ?? null)),
    },
    {
      title: 'Memory',
      format: formatBytes,
      series: lines((index) => history.map(({ workers }) => workers[index]?.memory ?? null)),
    },
  ];
}

function lineOf(index: number, name: string, values: readonly (number | null)[]): LineSeries {
  const dash = DASHES[index];
  return { name, colour: INKS[index]!, values, ...(dash === undefined ? {} : { dash }) };
}
