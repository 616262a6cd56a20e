import { useMemo, useState } from 'react';
import { formatMilliseconds } from '../../components/format.js';
import { LineChart } from '../../components/line-chart.js';
import { Slider } from '../../components/slider.js';
import { predictMs } from './latency-model.js';
import type { ProtocolResult } from './use-comparison.js';
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
  const series = useMemo(
    () =>
      results.map((result, index) => {
        const dash = DASHES[index % DASHES.length];
        return {
          name: result.protocol,
          colour: INKS[index % INKS.length]!,
          values: LATENCIES.map((at) => predictMs(result, result.workMs, at)),
          ...(dash === undefined ? {} : { dash }),
        };
      }),
    [results],
  );
  const fastest = Math.min(...results.map((result) => predictMs(result, result.workMs, latency)));
  return (
    <section className={styles.whatIf} aria-labelledby="what-if-title">
      <h2 id="what-if-title" className={styles.title}>
        And if the workers stood farther apart?
      </h2>
      <p className={styles.words}>
        Every round waits for a message. Here a message and its answer take {formatMilliseconds(roundTripMs)}.
        Between two cities it is 20 ms, between continents more than 100.
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
        {results.map((result) => {
          const milliseconds = predictMs(result, result.workMs, latency);
          return (
            <li
              key={result.protocol}
              data-testid={`what-if-${result.protocol}`}
              data-fastest={milliseconds === fastest}
            >
              <span className={styles.protocol}>{result.protocol}</span>
              <b className={styles.time}>{formatMilliseconds(milliseconds)}</b>
              <span className={styles.check} data-testid="check">
                checked here: predicted {formatMilliseconds(result.predictedMs)}, measured{' '}
                {formatMilliseconds(result.checkedMs)}
              </span>
            </li>
          );
        })}
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
        question, the proposal to run it, and the answer. It is made from half of the runs and checked on the
        other half, on the line that there is.
      </p>
    </section>
  );
}
