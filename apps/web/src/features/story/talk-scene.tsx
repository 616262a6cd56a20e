import { formatBytes, formatMilliseconds } from '../../components/format.js';
import type { StepView } from '../../compute/worker/messages.js';
import type { SceneProps } from './scene-props.js';
import styles from './talk-scene.module.css';

const OPERATIONS: Record<StepView['op'], string> = {
  conv2d: 'multiply by secret weights',
  depthwiseConv2d: 'multiply by secret weights',
  piecewiseLinear: 'bend by pieces',
  add: 'add',
  concatenate: 'put together',
  averagePool2d: 'take means',
  truncate: 'round',
  rectify: 'cut off what is negative',
  maxPool2d: 'take maxima',
  pad2d: 'add a border',
  topClasses: 'find the largest',
};

/** The workers on a triangle, and what each layer made them say. */
export function TalkScene({ answer, progress }: SceneProps) {
  const { steps, workers, views } = answer.prediction;
  const current = progress >= 1 ? -1 : Math.floor(progress * steps.length);
  const talks = current === -1 || bytesOf(steps[current]!) > 0;
  return (
    <div className={styles.talk}>
      <svg viewBox="0 0 260 220" className={styles.triangle} role="img" aria-label={ariaOf(answer)}>
        {LINES.map(([from, to]) => (
          <path
            key={`${from}${to}`}
            d={`M${PLACES[from]!.x} ${PLACES[from]!.y}L${PLACES[to]!.x} ${PLACES[to]!.y}`}
            className={styles.line}
            data-talks={talks && current !== -1}
          />
        ))}
        {PLACES.map(({ x, y }, index) => (
          <g key={views[index]!.name} className={styles[`worker${index}`]}>
            <circle cx={x} cy={y} r="30" />
            <text x={x} y={y + 5}>
              {views[index]!.name}
            </text>
          </g>
        ))}
      </svg>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: wide tables scroll, with keys too */}
      <section className={styles.scroll} tabIndex={0} aria-label="Cost of each layer">
        <table className={styles.steps}>
          <thead>
            <tr>
              <th scope="col">Layer</th>
              <th scope="col">Rounds</th>
              {workers.map((worker) => (
                <th key={worker.name} scope="col">
                  {worker.name} said
                </th>
              ))}
              <th scope="col">Time</th>
            </tr>
          </thead>
          <tbody>
            {steps.map((step, index) => (
              <tr key={`${step.name} ${step.op}`} data-now={index === current} data-testid="step">
                <th scope="row">
                  {OPERATIONS[step.op]} <span className={styles.layer}>{step.name}</span>
                </th>
                <td>{roundsOf(step) ?? '–'}</td>
                {workers.map((worker, at) => (
                  <td key={worker.name}>
                    {step.measured === null ? '–' : saidBytes(step.measured[at]!.bytesSent)}
                  </td>
                ))}
                <td>{step.measured === null ? '–' : formatMilliseconds(slowestMs(step.measured))}</td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row">all of this request</th>
              <td>{Math.max(...workers.map((worker) => worker.rounds))}</td>
              {workers.map((worker) => (
                <td key={worker.name}>{formatBytes(worker.bytesSent)}</td>
              ))}
              <td>{formatMilliseconds(Math.max(...workers.map((worker) => worker.computeMs)))}</td>
            </tr>
          </tfoot>
        </table>
      </section>
    </div>
  );
}

const PLACES = [
  { x: 130, y: 40 },
  { x: 45, y: 178 },
  { x: 215, y: 178 },
] as const;
const LINES = [
  [0, 1],
  [1, 2],
  [2, 0],
] as const;

function ariaOf({ prediction: { workers } }: SceneProps['answer']): string {
  const said = workers.map((worker) => `${worker.name} sent ${formatBytes(worker.bytesSent)}`).join(', ');
  return `Three workers, each connected with both others: ${said}`;
}

function roundsOf({ measured, declared }: StepView): number | null {
  if (measured !== null) return Math.max(...measured.map((one) => one.rounds));
  return declared?.rounds ?? null;
}

function bytesOf({ measured, declared }: StepView): number {
  return (measured?.map((one) => one.bytesSent) ?? declared?.bytesSent ?? []).reduce((a, b) => a + b, 0);
}

function saidBytes(bytes: number): string {
  return bytes === 0 ? 'nothing' : formatBytes(bytes);
}

function slowestMs(measured: NonNullable<StepView['measured']>): number {
  return Math.max(...measured.map((one) => one.micros)) / 1000;
}
