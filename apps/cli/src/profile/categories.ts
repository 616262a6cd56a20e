/** Reads a V8 CPU profile: self time by function and by the part of the program that it belongs to. */
import type { Profiler } from 'node:inspector';

export interface FunctionTime {
  readonly name: string;
  readonly category: string;
  readonly ms: number;
}

export interface ProfileTimes {
  /** From the first sample to the last, waiting included, the profiler's own time not. */
  readonly totalMs: number;
  readonly idleMs: number;
  /** Descending; without idle. */
  readonly categories: readonly { readonly category: string; readonly ms: number }[];
  /** Descending; without idle. */
  readonly functions: readonly FunctionTime[];
}

const IDLE = 'idle';
const PROFILER = 'the profiler itself';

/** What V8 reports in the place of a function. */
const PSEUDO: Readonly<Record<string, string>> = {
  '(idle)': IDLE,
  '(garbage collector)': 'garbage collection',
  '(program)': 'native code, unattributed',
  '(root)': 'native code, unattributed',
};

/** The first that matches a script's URL names its category. */
const CATEGORIES: readonly (readonly [RegExp, string])[] = [
  [/^wasm:/, 'kernels (WASM)'],
  [/^node:inspector|\/profile\/hook\.js$/, PROFILER],
  [/packages\/mpc-core\/dist\/kernels\//, 'kernels (calls)'],
  [/packages\/mpc-core\/dist\/random\//, 'random streams'],
  [/packages\/mpc-core\//, 'protocol and engine'],
  [/apps\/workers\/dist\/mesh\//, 'mesh: frames and sessions'],
  [/apps\/workers\/dist\/clients\//, 'client endpoint'],
  [/apps\/workers\/dist\/(serving|store)\//, 'serving and batching'],
  [/apps\/workers\//, 'worker, other'],
  [/packages\/shared-types\//, 'wire codec'],
  [/packages\/client\//, 'client library'],
  [/node_modules\/(\.pnpm\/)?prom-client/, 'metrics'],
  [/node_modules\/(\.pnpm\/)?pino/, 'log'],
  [/node_modules\/(\.pnpm\/)?zod/, 'zod'],
  [/node_modules\/(\.pnpm\/)?(socket\.io|engine\.io|ws@|debug@)/, 'socket.io and ws'],
  [/^node:(_tls|tls|internal\/tls|crypto|internal\/crypto)/, 'TLS and crypto'],
  [
    /^node:(net|stream|internal\/(streams|stream_base|js_stream)|events|buffer|internal\/buffer)/,
    'sockets and streams',
  ],
  [
    /^node:(internal\/(timers|process|async_hooks|event_target|abort|promise)|timers|async_hooks)/,
    'timers and tasks',
  ],
  [/^node:/, 'Node.js, other'],
];

export function analyseProfile(profile: Profiler.Profile): ProfileTimes {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map<number, number>();
  for (const { id, children } of profile.nodes) for (const child of children ?? []) parents.set(child, id);

  /** Built-in functions have no script: their time belongs to who called them. */
  const categoryOf = (start: number): string => {
    for (let id: number | undefined = start; id !== undefined; id = parents.get(id)) {
      const { url, functionName } = nodes.get(id)!.callFrame;
      if (url === '' && functionName in PSEUDO) return PSEUDO[functionName]!;
      const found = url === '' ? undefined : CATEGORIES.find(([pattern]) => pattern.test(url));
      if (found !== undefined) return found[1];
      if (url !== '') return 'other';
    }
    return PSEUDO['(root)']!;
  };

  const selfMs = new Map<number, number>();
  const { samples = [], timeDeltas = [] } = profile;
  samples.forEach((id, index) => {
    // A delta is the time since the sample before it, so it belongs to that one.
    const owner = samples[Math.max(0, index - 1)] ?? id;
    selfMs.set(owner, (selfMs.get(owner) ?? 0) + (timeDeltas[index] ?? 0) / 1000);
  });

  const categories = new Map<string, number>();
  const functions = new Map<string, FunctionTime>();
  for (const [id, ms] of selfMs) {
    const category = categoryOf(id);
    if (category === PROFILER) continue;
    categories.set(category, (categories.get(category) ?? 0) + ms);
    const name = nameOf(nodes.get(id)!.callFrame);
    const key = `${category}\0${name}`;
    functions.set(key, { name, category, ms: (functions.get(key)?.ms ?? 0) + ms });
  }
  const totalMs = [...categories.values()].reduce((total, ms) => total + ms, 0);
  const idleMs = categories.get(IDLE) ?? 0;
  categories.delete(IDLE);
  const descending = (left: { readonly ms: number }, right: { readonly ms: number }) => right.ms - left.ms;
  return {
    totalMs,
    idleMs,
    categories: [...categories].map(([category, ms]) => ({ category, ms })).sort(descending),
    functions: [...functions.values()].filter(({ category }) => category !== IDLE).sort(descending),
  };
}

function nameOf({ functionName, url, lineNumber }: Profiler.Profile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '' || url.startsWith('wasm:')) return name;
  const file = url.replace(/^.*\/node_modules\//, '').replace(/^file:\/\/.*\/(packages|apps)\//, '$1/');
  return `${name} ${file}:${lineNumber + 1}`;
}
