/** Paths of TensorFlow Serving's REST API. */
import { TrivetError } from '@trivet/shared-types';

/** Which version of a model: a number, a label, or the served one. */
export interface ModelChoice {
  readonly name: string;
  readonly version: number | null;
  readonly label: string | null;
}

export type Route =
  | { readonly kind: 'predict' | 'classify' | 'regress' | 'status' | 'metadata'; readonly model: ModelChoice }
  | { readonly kind: 'metrics' };

export const METRICS_PATH = '/monitoring/prometheus/metrics';

const MODEL_PATH =
  /^\/v1\/models\/(?<name>[^/:]+)(?:\/versions\/(?<version>\d+)|\/labels\/(?<label>[^/:]+))?(?<rest>:predict|:classify|:regress|\/metadata)?$/i;

/** Versions are 64-bit integers in TensorFlow Serving. */
const MOST_VERSION = 2n ** 63n - 1n;

/**
 * @param path without the query
 * @throws TrivetError NOT_FOUND where nothing is, INVALID_ARGUMENT when the path or the method is not one of the API's
 */
export function parseRoute(method: string, path: string): Route {
  if (path === METRICS_PATH && method === 'GET') return { kind: 'metrics' };
  if (!/^\/v1\//i.test(path)) {
    throw new TrivetError('NOT_FOUND', 'Nothing is here: TensorFlow Serving paths begin with /v1/models/.');
  }
  const groups = MODEL_PATH.exec(path)?.groups;
  const kind = (groups?.rest?.slice(1).toLowerCase() ?? 'status') as Exclude<Route['kind'], 'metrics'>;
  const wanted = kind === 'status' || kind === 'metadata' ? 'GET' : 'POST';
  if (groups === undefined || method !== wanted) {
    throw new TrivetError(
      'INVALID_ARGUMENT',
      'This is no request of the TensorFlow Serving REST API: POST /v1/models/MODEL[/versions/N|/labels/L]:predict, or GET /v1/models/MODEL[/versions/N|/labels/L][/metadata].',
    );
  }
  if (BigInt(groups.version ?? 0) > MOST_VERSION) {
    throw new TrivetError('INVALID_ARGUMENT', 'The version is a number beyond all versions.');
  }
  const version = groups.version === undefined ? null : Number(groups.version);
  return { kind, model: { name: decode(groups.name!), version, label: decode(groups.label ?? '') || null } };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new TrivetError('INVALID_ARGUMENT', 'The path is not valid percent-encoding.');
  }
}
