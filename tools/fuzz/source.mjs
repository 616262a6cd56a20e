import { fileURLToPath } from 'node:url';
import { createServer, createServerModuleRunner } from 'vite';

const ROOT = fileURLToPath(new URL('.', import.meta.url));

/** Imports a TypeScript module of this folder, and all of the workspace that it imports, as sources. */
export async function loadFromSource(file) {
  const server = await createServer({
    root: ROOT,
    configFile: false,
    appType: 'custom',
    logLevel: 'error',
    server: { middlewareMode: true, watch: null, hmr: false, ws: false },
    optimizeDeps: { noDiscovery: true, include: [] },
    ssr: { resolve: { conditions: ['source', 'node', 'default'] } },
    resolve: { conditions: ['source'] },
  });
  // The runner goes on without the server; imports that come later would not.
  const runner = createServerModuleRunner(server.environments.ssr, { hmr: false });
  return runner.import(`/${file}`);
}
