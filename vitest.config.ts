import { defineConfig } from 'vitest/config';

/** Unit and integration tests read each package's TypeScript directly, so no stale build can pass them. */
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source', 'node', 'default'] } },
  test: {
    include: [
      'packages/*/{src,test}/**/*.test.ts',
      'apps/*/{src,test}/**/*.test.{ts,tsx}',
      'tools/*/{src,test}/**/*.test.ts',
    ],
    testTimeout: 30_000,
    pool: 'forks',
  },
});
