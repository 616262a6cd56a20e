import { useEffect, useMemo, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import styles from './line-chart.module.css';
import { useColourScheme } from './use-colour-scheme.js';

export interface LineSeries {
  readonly name: string;
  /** A CSS colour, custom properties included. */
  readonly colour: string;
  /** Beside the colour, so that lines can be told apart without it. */
  readonly dash?: readonly number[];
  readonly values: readonly (number | null)[];
}

interface LineChartProps {
  /** What is drawn, for the caption. */
  readonly title: string;
  readonly xs: readonly number[];
  readonly series: readonly LineSeries[];
  readonly format: (value: number) => string;
  /** Seconds since 1970, or a plain number with its own format. */
  readonly x: { readonly kind: 'time' } | { readonly kind: 'number'; readonly format: (x: number) => string };
  readonly height?: number;
  /** Draws a line at this x. */
  readonly marker?: number;
}

const LEAST_SECONDS = 60;

/** Lines over time or over a number. The caption carries the latest values in words: the picture repeats them. */
export function LineChart(props: LineChartProps) {
  const { title, xs, series, format, x, height = 120, marker } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const scheme = useColourScheme();
  const data = useMemo(
    () => [xs, ...series.map(({ values }) => values)] as unknown as uPlot.AlignedData,
    [xs, series],
  );
  const shape = series.map(({ name, colour, dash }) => `${name} ${colour} ${dash?.join() ?? ''}`).join('|');
  const latest = useRef({ data, marker, format, x, series });
  latest.current = { data, marker, format, x, series };

  // biome-ignore lint/correctness/useExhaustiveDependencies: colours depend on the scheme; what changes often is read from `latest`
  useEffect(() => {
    const element = box.current!;
    const style = getComputedStyle(element);
    const resolve = (colour: string) =>
      colour.replace(/var\((--[\w-]+)\)/, (_, name) => resolved(element, name));
    const axis: uPlot.Axis = {
      stroke: style.getPropertyValue('color'),
      grid: { show: false },
      ticks: { show: false },
      font: `12px ${style.fontFamily}`,
    };
    const created = new uPlot(
      {
        width: Math.max(1, element.clientWidth),
        height,
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: latest.current.x.kind === 'time' ? { time: true, range: fromAMinute } : { time: false },
          y: { range: (_, low, high) => [Math.min(0, low ?? 0), high ? high * 1.1 : 1] },
        },
        axes: [
          {
            ...axis,
            size: 24,
            space: 70,
            ...(latest.current.x.kind === 'number'
              ? {
                  values: (_: uPlot, splits: number[]) =>
                    splits.map((split) => (latest.current.x as { format(x: number): string }).format(split)),
                }
              : { values: (_: uPlot, splits: number[]) => splits.map(clockTime) }),
          },
          {
            ...axis,
            size: 62,
            space: 34,
            grid: { show: true, stroke: resolved(element, '--line'), width: 1 },
            values: (_, splits) => {
              const words = splits.map((split) => (split === 0 ? '0' : latest.current.format(split)));
              // Steps that are finer than the format would all be called the same.
              return words.map((word, index) => (word === words[index - 1] ? '' : word));
            },
          },
        ],
        series: [
          {},
          ...latest.current.series.map(({ name, colour, dash }) => ({
            label: name,
            stroke: resolve(colour),
            width: 2,
            ...(dash === undefined ? {} : { dash: [...dash] }),
            // A first value, or one between gaps, has no line to be seen by.
            points: {
              show: false,
              filter: (chart: uPlot, index: number) => lonely(chart.data[index]!),
              size: 6,
              fill: resolve(colour),
            },
          })),
        ],
        hooks: { draw: [(chart) => drawMarker(chart, latest.current.marker, style.color)] },
      },
      latest.current.data,
      element,
    );
    plot.current = created;
    const resize = new ResizeObserver(() => {
      created.setSize({ width: Math.max(1, element.clientWidth), height });
    });
    resize.observe(element);
    return () => {
      resize.disconnect();
      created.destroy();
      plot.current = null;
    };
  }, [shape, scheme, height]);

  useEffect(() => {
    plot.current?.setData(data);
  }, [data]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the marker is drawn by the hook
  useEffect(() => {
    plot.current?.redraw();
  }, [marker]);

  return (
    <figure className={styles.figure}>
      <figcaption className={styles.caption}>
        <span className={styles.title}>{title}</span>
        <span className={styles.legend}>
          {series.map(({ name, colour, dash, values }) => (
            <span key={name} className={styles.key}>
              <svg width="18" height="8" viewBox="0 0 18 8" aria-hidden="true">
                <path
                  d="M1 4h16"
                  stroke={colour}
                  strokeWidth="2.4"
                  strokeDasharray={dash?.join(' ') ?? 'none'}
                />
              </svg>
              <span className={styles.name}>{name}</span> <b>{wordsOf(values, format)}</b>
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={box} className={styles.plot} style={{ height }} aria-hidden="true" />
    </figure>
  );
}

/** A minute at least, the latest at the right: the first values begin a line and do not fill the chart. */
function fromAMinute(_: uPlot, first: number | null, last: number | null): uPlot.Range.MinMax {
  if (first === null || last === null) return [null, null];
  return [Math.min(first, last - LEAST_SECONDS), last];
}

/** Indices of the values without a neighbour; null when each has one. */
function lonely(values: ArrayLike<number | null | undefined>): number[] | null {
  const found: number[] = [];
  for (let index = 0; index < values.length; index++) {
    const alone = values[index - 1] == null && values[index + 1] == null;
    if (values[index] != null && alone) found.push(index);
  }
  return found.length === 0 ? null : found;
}

function wordsOf(values: readonly (number | null)[], format: (value: number) => string): string {
  const last = values.at(-1);
  return last === null || last === undefined ? '–' : format(last);
}

/** A custom property's colour as canvases know it: `light-dark()` is resolved by a probe. */
function resolved(element: HTMLElement, name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function clockTime(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString('en-GB');
}

function drawMarker(chart: uPlot, marker: number | undefined, colour: string): void {
  if (marker === undefined) return;
  const at = Math.round(chart.valToPos(marker, 'x', true));
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(at, bbox.top);
  ctx.lineTo(at, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}
