/**
 * Writes sw.js: after the first visit the page opens without a network, up to the moment of sending. Only the page's own
 * files are kept; nothing that was drawn, sent or answered ever is.
 *
 * Written out here rather than by vite-plugin-pwa, which brings Workbox and some three hundred packages for these rules.
 */
import { createHash } from 'node:crypto';
import type { Plugin } from 'vite';

/** Larger files are loaded when they are needed, and kept then: TensorFlow.js. */
const LARGEST_AHEAD_BYTES = 400_000;

export function serviceWorker(): Plugin {
  return {
    name: 'trivet:service-worker',
    apply: 'build',
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        const files = Object.values(bundle)
          .filter((file) => /^assets\/.*\.(js|css|woff2)$/.test(file.fileName))
          .filter((file) => sizeOf(file) <= LARGEST_AHEAD_BYTES)
          .map((file) => `/${file.fileName}`)
          .sort();
        const ahead = ['/', '/theme.js', '/favicon.svg', ...files];
        const version = createHash('sha256')
          .update(Object.keys(bundle).sort().join())
          .digest('hex')
          .slice(0, 16);
        this.emitFile({ type: 'asset', fileName: 'sw.js', source: sourceOf(version, ahead) });
      },
    },
  };
}

function sizeOf(file: { type: string; code?: string; source?: string | Uint8Array }): number {
  return (file.type === 'chunk' ? file.code : file.source)?.length ?? 0;
}

function sourceOf(version: string, ahead: readonly string[]): string {
  return `const CACHE = 'trivet-${version}';
const AHEAD = ${JSON.stringify(ahead)};

addEventListener('install', (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(AHEAD)).then(() => skipWaiting()));
});

addEventListener('activate', (event) => {
  const clear = async () => {
    for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
    await clients.claim();
  };
  event.waitUntil(clear());
});

// What may change comes from the network while there is one; what has a hash in its name never changes.
const newest = async (request, key) => {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(key, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(key);
    if (kept) return kept;
    throw error;
  }
};

const kept = async (request) => {
  const cache = await caches.open(CACHE);
  const known = await cache.match(request);
  if (known) return known;
  const response = await fetch(request);
  if (response.ok) await cache.put(request, response.clone());
  return response;
};

addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== location.origin || pathname === '/selftest.html') return;
  if (request.mode === 'navigate') event.respondWith(newest(request, '/'));
  else if (pathname === '/cluster.json') event.respondWith(newest(request, pathname));
  else if (pathname.startsWith('/assets/') || AHEAD.includes(pathname)) event.respondWith(kept(request));
});
`;
}
