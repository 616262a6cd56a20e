/** Puts the project's own model beside the page: it is public, so the page can compare with it in the clear. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const FOLDER = new URL('../../../models/mnist/', import.meta.url);
const FILES = ['model.json', 'group1-shard1of1.bin'] as const;

export function publicModel(): Plugin {
  const read = (file: string) => readFile(fileURLToPath(new URL(file, FOLDER)));
  return {
    name: 'trivet:public-model',
    async generateBundle() {
      for (const file of FILES) {
        this.emitFile({ type: 'asset', fileName: `models/mnist/${file}`, source: await read(file) });
      }
    },
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const file = FILES.find((one) => request.url === `/models/mnist/${one}`);
        if (file === undefined) return next();
        read(file).then((bytes) => response.end(bytes), next);
      });
    },
  };
}
