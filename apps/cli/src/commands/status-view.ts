/** How `trivet status` looks. */
import type { Triple, WorkerView } from '@trivet/client';
import { type ModelStatus, manifestSchema, parseJson } from '@trivet/shared-types';
import { formatBytes, formatDuration, formatTable } from '../terminal/table.js';

/** For scripts. */
export function statusJson(views: Triple<WorkerView>) {
  return {
    workers: views.map(({ index, name, url, reachable, problem, status }) => {
      const { models: _, ...rest } = status ?? { models: [] };
      return { index, name, url, reachable, problem, ...(reachable ? { status: rest } : {}) };
    }),
    models: modelRows(views).map(([name, version, digest, states, protocol, served, limit]) => {
      return { name, version, digest, states, protocol, served, requestLimit: limit };
    }),
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
  const rows = modelRows(views).map(([name, version, digest, states, protocol, served, limit]) => {
    const state = new Set(states).size === 1 && states.length === 3 ? states[0]! : states.join('/');
    return [
      name,
      version,
      digest.slice(0, 12),
      state,
      protocol,
      limit === null ? `${served}` : `${served} of ${limit}`,
    ];
  });
  const sections = [workers];
  if (problems.length > 0) sections.push(problems.join('\n'));
  if (rows.length > 0)
    sections.push(formatTable(['MODEL', 'VERSION', 'DIGEST', 'STATE', 'PROTOCOL', 'SERVED'], rows));
  else if (problems.length === 0) sections.push('No model is shared. `trivet share` shares one.');
  return sections.join('\n\n');
}

function latency(milliseconds: number | null): string {
  return milliseconds === null ? 'ok' : `${milliseconds.toFixed(2)} ms`;
}

type ModelRow = [
  name: string,
  version: number,
  digest: string,
  states: string[],
  protocol: string,
  served: number,
  limit: number | null,
];

/** One row per manifest that any reachable worker holds. */
function modelRows(views: Triple<WorkerView>): ModelRow[] {
  const held = views.flatMap((view) => (view.reachable ? (view.status?.models ?? []) : []));
  const digests = [...new Set(held.map((model) => model.digest))];
  return digests.flatMap((digest) => {
    const same = held.filter((model) => model.digest === digest) as [ModelStatus, ...ModelStatus[]];
    try {
      const manifest = parseJson(manifestSchema, same[0].manifest.text, 'The manifest');
      const states = same.map((model) => model.state);
      const served = Math.max(...same.map((model) => model.served));
      return [
        [
          manifest.name,
          manifest.version,
          digest,
          states,
          same[0].protocol,
          served,
          same[0].requestLimit,
        ] satisfies ModelRow,
      ];
    } catch {
      return [];
    }
  });
}
