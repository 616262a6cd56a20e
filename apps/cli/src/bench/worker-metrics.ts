/** What a worker's own `/metrics` tell of its process, for differences over a measurement. */
import { TrivetError } from '@trivet/shared-types';

const TIMEOUT_MS = 10_000;

export interface ProcessMetrics {
  /** User and system time of the process since its start. */
  readonly cpuSeconds: number;
  /** Resident set size now. */
  readonly residentBytes: number;
  /** Written to the two mesh links since the start: frames with their headers, control messages and heartbeats. */
  readonly meshSentBytes: number;
}

/** @param url of the worker's client endpoint @throws TrivetError UNAVAILABLE */
export async function readProcessMetrics(url: string, timeoutMs = TIMEOUT_MS): Promise<ProcessMetrics> {
  return parseProcessMetrics(await readMetrics(url, timeoutMs));
}

/** What a worker holds for requests: nothing, when nobody asks. */
export interface Held {
  readonly requestsOpen: number;
  readonly batchesQueued: number;
}

/** @param url of the worker's client endpoint @throws TrivetError UNAVAILABLE */
export async function readHeld(url: string): Promise<Held> {
  const text = await readMetrics(url);
  return {
    requestsOpen: readNumber(text, 'trivet_requests_open'),
    batchesQueued: readNumber(text, 'trivet_batches_queued'),
  };
}

/** What a worker is doing, and has done. */
export interface Work {
  readonly batchesRunning: number;
  /** Since its start. */
  readonly images: number;
  /** Requests that were answered RESOURCE_EXHAUSTED, since its start. */
  readonly exhausted: number;
}

/** @param url of the worker's client endpoint @throws TrivetError UNAVAILABLE */
export async function readWork(url: string): Promise<Work> {
  const text = await readMetrics(url);
  const exhausted = /^trivet_requests_total\{[^}]*code="RESOURCE_EXHAUSTED"[^}]*\} (\d+)/m.exec(text);
  return {
    batchesRunning: readNumber(text, 'trivet_batches_running'),
    images: readNumber(text, 'trivet_images_total'),
    exhausted: Number(exhausted?.[1] ?? 0),
  };
}

/** Items of material that were dealt ahead and are there now. @param url of the worker's client endpoint */
export async function readPoolItems(url: string): Promise<number> {
  return readNumber(await readMetrics(url), 'trivet_pool_items');
}

async function readMetrics(url: string, timeoutMs = TIMEOUT_MS): Promise<string> {
  try {
    const response = await fetch(new URL('/metrics', url), { signal: AbortSignal.timeout(timeoutMs) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return await response.text();
  } catch (error) {
    throw new TrivetError('UNAVAILABLE', `${url}/metrics cannot be read.`, null, { cause: error });
  }
}

function readNumber(text: string, name: string): number {
  const match = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, 'm').exec(text);
  const value = Number(match?.[1] ?? Number.NaN);
  if (!Number.isFinite(value)) throw new TrivetError('INTERNAL', `The metrics have no number ${name}.`);
  return value;
}

/** @param text Prometheus text format @throws TrivetError INTERNAL when a metric is missing */
export function parseProcessMetrics(text: string): ProcessMetrics {
  const read = (name: string): number => readNumber(text, name);
  return {
    cpuSeconds: read('process_cpu_seconds_total'),
    residentBytes: read('process_resident_memory_bytes'),
    meshSentBytes: read('trivet_mesh_sent_bytes_total'),
  };
}
