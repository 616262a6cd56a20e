/**
 * The page's Content-Security-Policy, written into the built HTML: nothing from third parties, and connections only to
 * this origin, to workers on this computer, and to the origins named in TRIVET_CONNECT_SRC when the page is built.
 */
import type { Plugin } from 'vite';

const LOCAL_WORKERS = ['localhost', '127.0.0.1'].flatMap((host) => [`http://${host}:*`, `ws://${host}:*`]);

/** @param extraOrigins space-separated origins of workers elsewhere, for example "https://a.example wss://a.example" */
export function contentSecurityPolicy(extraOrigins = ''): string {
  const connect = ["'self'", ...LOCAL_WORKERS, ...extraOrigins.split(/\s+/).filter(Boolean)];
  return [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
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

/**
 * A meta element does not reach the compute worker, so the policy is also written to content-security-policy.txt, for the
 * server to send as a header with every file.
 *
 * Development is left alone: Vite's hot reload needs inline scripts and styles.
 */
export function contentSecurityPolicyPlugin(): Plugin {
  const policy = contentSecurityPolicy(process.env.TRIVET_CONNECT_SRC);
  return {
    name: 'trivet:content-security-policy',
    apply: 'build',
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'content-security-policy.txt', source: policy });
    },
    transformIndexHtml: () => [
      {
        tag: 'meta',
        injectTo: 'head-prepend',
        attrs: {
          'http-equiv': 'Content-Security-Policy',
          content: policy,
        },
      },
    ],
  };
}
