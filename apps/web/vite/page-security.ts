/**
 * Puts into the built pages what browsers check: the content security policy, and the SHA-384 of every script and style sheet
 * that the page loads (Subresource Integrity). Modules that are imported later are named in an import map, whose own hash is in
 * the policy. So whoever serves the files, but not the page itself, cannot change what runs: a cache, a content delivery
 * network. Not covered, for browsers offer no such check: the file of the compute worker, and what it imports.
 *
 * Development is left alone: Vite's hot reload needs inline scripts and styles.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';
import { contentSecurityPolicy, securityHeaders } from './security-headers.js';

/** The headers that a server is to send with every file, by name. */
export const HEADERS_FILE = 'security-headers.json';

const CHARSET = '<meta charset="utf-8" />';
const TAG = /<(?:script\b[^>]*\ssrc|link\b[^>]*\shref)="(\/[^"]+\.(?:js|css))"[^>]*>/g;

export function pageSecurity(): Plugin {
  let publicDirectory = '';
  return {
    name: 'trivet:page-security',
    apply: 'build',
    enforce: 'post',
    configResolved(config) {
      publicDirectory = config.publicDir;
    },
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        const files = Object.values(bundle);
        const known = new Map(
          files
            .filter(({ fileName }) => /\.(js|css)$/.test(fileName))
            .map((file) => [`/${file.fileName}`, integrity(file.type === 'chunk' ? file.code : file.source)]),
        );
        const integrityOf = (path: string) =>
          known.get(path) ?? integrity(readFileSync(join(publicDirectory, path)));
        const scripts = [...known].filter(([path]) => path.endsWith('.js')).sort();
        const importMap = JSON.stringify({ integrity: Object.fromEntries(scripts) });
        const policy = contentSecurityPolicy({
          extraOrigins: process.env.TRIVET_CONNECT_SRC ?? '',
          scriptHashes: [`sha256-${createHash('sha256').update(importMap).digest('base64')}`],
        });
        const head = `<meta http-equiv="Content-Security-Policy" content="${policy}">\n    <script type="importmap">${importMap}</script>`;
        for (const page of files) {
          if (page.type !== 'asset' || !page.fileName.endsWith('.html')) continue;
          const html = String(page.source).replace(TAG, (tag: string, path: string) =>
            tag.replace(/>$/, ` integrity="${integrityOf(path)}">`),
          );
          // After the encoding, which browsers look for in the first kilobyte.
          page.source = html.replace(CHARSET, `${CHARSET}\n    ${head}`);
        }
        const headers = JSON.stringify(securityHeaders(policy), null, 2);
        this.emitFile({ type: 'asset', fileName: HEADERS_FILE, source: `${headers}\n` });
      },
    },
  };
}

function integrity(content: string | Uint8Array): string {
  return `sha384-${createHash('sha384').update(content).digest('base64')}`;
}
