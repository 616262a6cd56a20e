import react from '@vitejs/plugin-react';
import { defaultClientConditions, defineConfig } from 'vite';
import { contentSecurityPolicy, contentSecurityPolicyPlugin } from './vite/content-security-policy.js';
import { mnistSamples } from './vite/mnist-samples.js';
import { mnistTestSet } from './vite/mnist-test-set.js';
import { publicModel } from './vite/public-model.js';
import { serviceWorker } from './vite/service-worker.js';

export default defineConfig({
  plugins: [
    react(),
    mnistSamples(),
    mnistTestSet(),
    publicModel(),
    contentSecurityPolicyPlugin(),
    serviceWorker(),
  ],
  // Workspace packages are read from their TypeScript, so that no stale build of theirs can reach the page.
  resolve: { conditions: ['source', ...defaultClientConditions] },
  worker: { format: 'es' },
  preview: { headers: { 'Content-Security-Policy': contentSecurityPolicy() } },
  build: {
    target: 'es2022',
    // Inlined assets would be data: URLs, which the content security policy refuses for fonts.
    assetsInlineLimit: 0,
    rollupOptions: { input: { main: 'index.html', selftest: 'selftest.html' } },
  },
});
