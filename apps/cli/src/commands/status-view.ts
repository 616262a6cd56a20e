/** How `trivet status` looks. */
import { nameAndVersion, type Triple, type WorkerView } from '@trivet/client';
import { ACCESS_MODES, type AccessMode, type ModelStatus, type VersionState } from '@trivet/shared-types';
import { formatBytes, formatDuration, formatTable } from '../terminal/table.js';

/** For scripts. */
export function statusJson(views: Triple<WorkerView>) {
  return {
    workers: views.map(({ index, name, url, reachable, problem, status }) => {
      const { models: _, ...rest } = status ?? { models: [] };
      return { index, name, url, reachable, problem, ...(reachable ? { status: rest } : {}) };
    }),
    models: versionRows(views),
  };
}

/** What else there may be, and who sees it. */
const OF_TOKEN = 'These are the models that the token is for. Their owner sees everything.';
const OPEN_ONLY = `Models that need a token are shown to its holder (--token-file), and everything to their owner, who has owner.key in the cluster directory.`;
const NOTHING_OPEN = `No model is open to everybody. Those that need a token are shown to its holder (--token-file), and everything to their owner, who has owner.key in the cluster directory.`;

/** For people. */
export function statusText(views: Triple<WorkerView>): string {
  const workers = formatTable(
    ['WORKER', 'URL', 'STATE', 'PEERS', 'UP', 'SERVED', 'MESH BYTES', 'MEMORY'],
    views.map(({ name, url, reachable, status }) => {
      if (!reachable || status === null) return [name, url, 'unreachable', '', '', '', '', ''];
      const { operation, ready } = status;
      const state = ready ? 'ready' : 'not ready';
      if (operation === null) return [name, url, state, '', '', '', '', ''];
      const peers = operation.peers.map(
        (peer) => `${peer.name} ${peer.connected ? latency(peer.roundTripMs) : 'lost'}`,
      );
      return [
        name,
        url,
        state,
        peers.join(', '),
        formatDuration(operation.uptimeSeconds),
        String(operation.servedTotal),
        formatBytes(operation.bytesSentTotal),
        formatBytes(operation.memoryBytes),
      ];
    }),
  );
  const problems = views.flatMap((view) => (view.problem === null ? [] : [view.problem]));
  const sections = [workers];
  if (problems.length > 0) sections.push(problems.join('\n'));
  const rows = versionRows(views);
  const viewers = new Set(views.flatMap((view) => (view.reachable ? (view.status?.viewer ?? []) : [])));
  if (rows.length > 0) sections.push(versionsText(rows));
  else if (problems.length === 0 && viewers.has('owner')) {
    sections.push('No model is shared. `trivet share` shares one.');
  }
  if (viewers.has('token')) sections.push(OF_TOKEN);
  if (viewers.has('nobody')) sections.push(rows.length > 0 ? OPEN_ONLY : NOTHING_OPEN);
  return sections.join('\n\n');
}

function latency(milliseconds: number | null): string {
  return milliseconds === null ? 'ok' : `${milliseconds.toFixed(2)} ms`;
}

/** One version of a model, as the workers that can be reached report it. */
export interface VersionRow {
  readonly name: string;
  readonly version: number;
  readonly digest: string;
  /** What it is at all three workers; UNKNOWN when they say different things, or one of them does not hold it. */
  readonly state: VersionState;
  /** What it is at each worker that holds it. */
  readonly states: readonly VersionState[];
  /** Whether it answers who names no version. */
  readonly current: boolean;
  readonly labels: readonly string[];
  readonly protocol: string;
  /** Who may ask. */
  readonly access: AccessMode;
  /** Of all versions of the model together; null for who is not told. */
  readonly served: number | null;
  readonly requestLimit: number | null;
}

/** One row for each version that any reachable worker holds, by name and version. */
export function versionRows(views: Triple<WorkerView>): VersionRow[] {
  const held = views.flatMap((view) => (view.reachable ? (view.status?.models ?? []) : []));
  const digests = [...new Set(held.map((model) => model.digest))];
  const rows = digests.flatMap((digest): VersionRow[] => {
    const same = held.filter((model) => model.digest === digest) as [ModelStatus, ...ModelStatus[]];
    const [first] = same;
    const head = nameAndVersion(first);
    if (head === null) return [];
    const states = same.map((model) => model.state);
    const agreed = states.length === 3 && states.every((state) => state === states[0]);
    return [
      {
        ...head,
        digest,
        state: agreed ? states[0]! : 'UNKNOWN',
        states,
        current: same.every((model) => model.current),
        labels: first.labels,
        protocol: first.protocol,
        access: ACCESS_MODES.find((mode) => same.some((model) => model.access === mode))!,
        served: most(same.map((model) => model.served)),
        requestLimit: first.requestLimit,
      },
    ];
  });
  return rows.sort((left, right) =>
    left.name === right.name ? left.version - right.version : left.name < right.name ? -1 : 1,
  );
}

/** Versions as a table. The count is the model's, so it stands with the version that answers. */
export function versionsText(rows: readonly VersionRow[]): string {
  const cells = rows.map(({ name, version, digest, state, states, current, labels, ...rest }) => [
    name,
    version,
    digest.slice(0, 12),
    state === 'UNKNOWN' ? states.join('/') : state,
    [...(current ? ['(current)'] : []), ...labels].join(', '),
    rest.protocol,
    rest.access,
    current ? served(rest.served, rest.requestLimit) : '',
  ]);
  return formatTable(
    ['MODEL', 'VERSION', 'DIGEST', 'STATE', 'LABELS', 'PROTOCOL', 'ACCESS', 'SERVED'],
    cells,
  );
}

function most(counts: readonly (number | null)[]): number | null {
  const known = counts.filter((count) => count !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function served(count: number | null, limit: number | null): string {
  if (count === null) return '';
  return limit === null ? `${count}` : `${count} of ${limit}`;
}
