import react from '@vitejs/plugin-react';
import { defaultClientConditions, defineConfig } from 'vite';
import { compressed } from './vite/compressed.js';
import { mnistSamples } from './vite/mnist-samples.js';
import { mnistTestSet } from './vite/mnist-test-set.js';
import { pageSecurity } from './vite/page-security.js';
import { publicModel } from './vite/public-model.js';
import { contentSecurityPolicy, securityHeaders } from './vite/security-headers.js';
import { serviceWorker } from './vite/service-worker.js';

export default defineConfig({
  plugins: [
    react(),
    mnistSamples(),
    mnistTestSet(),
    publicModel(),
    serviceWorker(),
    pageSecurity(),
    compressed(),
  ],
  // Workspace packages are read from their TypeScript, so that no stale build of theirs can reach the page.
  resolve: { conditions: ['source', ...defaultClientConditions] },
  worker: { format: 'es' },
  // The built pages bring their policy themselves.
  preview: { headers: withoutPolicy(securityHeaders(contentSecurityPolicy({}))) },
  build: {
    target: 'es2022',
    // Inlined assets would be data: URLs, which the content security policy refuses for fonts.
    assetsInlineLimit: 0,
    // One style sheet, so that each page's hash covers all of it.
    cssCodeSplit: false,
    rollupOptions: { input: { main: 'index.html', selftest: 'selftest.html' } },
  },
});

function withoutPolicy(headers: Readonly<Record<string, string>>): Record<string, string> {
  const { 'Content-Security-Policy': _, ...others } = headers;
  return others;
}
