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

/** For people. */
export function statusText(views: Triple<WorkerView>): string {
  const workers = formatTable(
    ['WORKER', 'URL', 'STATE', 'PEERS', 'UP', 'SERVED', 'MESH BYTES', 'MEMORY'],
    views.map(({ name, url, reachable, status }) => {
      if (!reachable || status === null) return [name, url, 'unreachable', '', '', '', '', ''];
      const peers = status.peers.map(
        (peer) => `${peer.name} ${peer.connected ? latency(peer.roundTripMs) : 'lost'}`,
      );
      return [
        name,
        url,
        status.ready ? 'ready' : 'not ready',
        peers.join(', '),
        formatDuration(status.uptimeSeconds),
        String(status.servedTotal),
        formatBytes(status.bytesSentTotal),
        formatBytes(status.memoryBytes),
      ];
    }),
  );
  const problems = views.flatMap((view) => (view.problem === null ? [] : [view.problem]));
  const sections = [workers];
  if (problems.length > 0) sections.push(problems.join('\n'));
  const rows = versionRows(views);
  if (rows.length > 0) sections.push(versionsText(rows));
  else if (problems.length === 0) sections.push('No model is shared. `trivet share` shares one.');
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
  /** Of all versions of the model together. */
  readonly served: number;
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
        served: Math.max(...same.map((model) => model.served)),
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

function served(count: number, limit: number | null): string {
  return limit === null ? `${count}` : `${count} of ${limit}`;
}
