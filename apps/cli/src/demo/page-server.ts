/** Serves the built web app on this machine only. */
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Cluster, TrivetError } from '@trivet/shared-types';
import sirv from 'sirv';

const PAGE = fileURLToPath(new URL('../../../web/dist', import.meta.url));

/**
 * @param cluster answered at /cluster.json, so that the page finds its workers
 * @throws TrivetError UNAVAILABLE when the port is taken
 */
export async function servePage(cluster: Cluster, port: number): Promise<Server> {
  const headers = Object.entries(
    JSON.parse(await readFile(join(PAGE, 'security-headers.json'), 'utf8')) as Record<string, string>,
  );
  // The build puts compressed copies beside the files.
  const files = sirv(PAGE, { single: true, brotli: true, gzip: true });
  const server = createServer((request, response) => {
    for (const [name, value] of headers) response.setHeader(name, value);
    if (request.url === '/cluster.json') {
      response.setHeader('Content-Type', 'application/json');
      response.setHeader('Cache-Control', 'no-store');
      response.end(JSON.stringify(cluster));
      return;
    }
    files(request, response, () => {
      response.statusCode = 404;
      response.end();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const sentence =
        error.code === 'EADDRINUSE'
          ? `Port ${port} is in use: stop the program that has it, or choose another with --port.`
          : `The page cannot be served on port ${port}: ${error.message}.`;
      reject(new TrivetError('UNAVAILABLE', sentence));
    });
    server.listen(port, 'localhost', resolve);
  });
  return server;
}
