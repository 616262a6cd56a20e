/**
 * What a browser is told about the page: nothing from third parties, connections only to this origin, to workers on this
 * computer, and to the origins named in TRIVET_CONNECT_SRC when the page is built; no device, no frame around it, an
 * isolated process of its own, no referrer.
 */

const LOCAL_WORKERS = ['localhost', '127.0.0.1'].flatMap((host) => [`http://${host}:*`, `ws://${host}:*`]);

/** What the page never asks for. */
const DENIED_FEATURES = [
  'accelerometer',
  'autoplay',
  'bluetooth',
  'camera',
  'display-capture',
  'geolocation',
  'gyroscope',
  'hid',
  'magnetometer',
  'microphone',
  'midi',
  'payment',
  'publickey-credentials-get',
  'screen-wake-lock',
  'serial',
  'usb',
  'xr-spatial-tracking',
];

export interface PolicyOptions {
  /** Space-separated origins of workers elsewhere, for example "https://a.example wss://a.example". */
  readonly extraOrigins?: string;
  /** Of inline scripts, such as 'sha256-…'; no other one runs. */
  readonly scriptHashes?: readonly string[];
}

export function contentSecurityPolicy({ extraOrigins = '', scriptHashes = [] }: PolicyOptions): string {
  const connect = ["'self'", ...LOCAL_WORKERS, ...extraOrigins.split(/\s+/).filter(Boolean)];
  return [
    "default-src 'none'",
    `script-src ${["'self'", "'wasm-unsafe-eval'", ...scriptHashes.map((hash) => `'${hash}'`)].join(' ')}`,
    "worker-src 'self'",
    "style-src 'self'",
    "font-src 'self'",
    "img-src 'self' blob: data:",
    `connect-src ${connect.join(' ')}`,
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

/** For every file of the page: what a meta element says does not reach the compute worker, nor frames around the page. */
export function securityHeaders(policy: string): Readonly<Record<string, string>> {
  return {
    'Content-Security-Policy': `${policy}; frame-ancestors 'none'`,
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy': DENIED_FEATURES.map((feature) => `${feature}=()`).join(', '),
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
  };
}
