import { useMemo, useState } from 'react';
import { formatMilliseconds } from '../../components/format.js';
import { LineChart } from '../../components/line-chart.js';
import { Slider } from '../../components/slider.js';
import type { ProtocolResult } from '../../stores/compare-slice.js';
import { predictMs } from './latency-model.js';
import { PredictionCheck } from './prediction-check.js';
import styles from './what-if.module.css';

const LARGEST_MS = 200;
const LATENCIES = Array.from({ length: 41 }, (_, index) => (index * LARGEST_MS) / 40);
const INKS = ['var(--first)', 'var(--second)', 'var(--third-line)'];
const DASHES: readonly (readonly number[] | undefined)[] = [undefined, [7, 4], [2, 3]];

interface WhatIfProps {
  readonly results: readonly ProtocolResult[];
  /** Between workers, while it was measured. */
  readonly roundTripMs: number;
}

/** What each protocol's time would be if the machines stood farther apart. */
export function WhatIf({ results, roundTripMs }: WhatIfProps) {
  const [latency, setLatency] = useState(40);
  const measured = useMemo(
    () => results.map(({ readyMs, rounds }) => ({ readyMs, rounds, roundTripMs })),
    [results, roundTripMs],
  );
  const series = useMemo(
    () =>
      results.map((result, index) => {
        const dash = DASHES[index % DASHES.length];
        return {
          name: result.protocol,
          colour: INKS[index % INKS.length]!,
          values: LATENCIES.map((at) => predictMs(measured[index]!, at)),
          ...(dash === undefined ? {} : { dash }),
        };
      }),
    [results, measured],
  );
  const predicted = measured.map((one) => predictMs(one, latency));
  const fastest = Math.min(...predicted);
  return (
    <section className={styles.whatIf} aria-labelledby="what-if-title">
      <h2 id="what-if-title" className={styles.title}>
        And if the workers stood farther apart?
      </h2>
      <p className={styles.words} data-testid="round-trip-row">
        Every round waits for a message. Here a message and its answer take{' '}
        <data value={roundTripMs}>{formatMilliseconds(roundTripMs)}</data>. Between two cities it is 20 ms,
        between continents more than 100.
      </p>
      <Slider
        label="A message and its answer take"
        min={0}
        max={LARGEST_MS}
        step={1}
        value={latency}
        onChange={setLatency}
        words={(value) => `${value} ms`}
      />
      <ul className={styles.predictions}>
        {results.map(({ protocol }, index) => (
          <li key={protocol} data-testid={`what-if-${protocol}`} data-fastest={predicted[index] === fastest}>
            <span className={styles.protocol}>{protocol}</span>
            <data value={predicted[index]} className={styles.time}>
              {formatMilliseconds(predicted[index]!)}
            </data>
          </li>
        ))}
      </ul>
      <LineChart
        title="Predicted time of one digit, over the round trip"
        xs={LATENCIES}
        series={series}
        format={formatMilliseconds}
        x={{ kind: 'number', format: (value) => `${value} ms` }}
        height={220}
        marker={latency}
      />
      <p className={styles.words}>
        The prediction is what was measured, plus half a round trip a round, and one and a half for the
        question, the proposal to run it, and the answer. It is of one question for which everything is ready:
        what the questions measured here waited in the queue is left out. Under fss they wait there for keys
        that are dealt ahead over the same line, when several are asked in a row.
      </p>
      <PredictionCheck results={results} roundTripMs={roundTripMs} />
    </section>
  );
}
