/**
 * Puts a compressed copy beside each text file of the build, as .br and .gz, for servers that send such copies to
 * browsers that take them: the page server of `npm start`, nginx with `brotli_static` and `gzip_static`.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { Plugin } from 'vite';

const TEXT = /\.(js|css|html|json|svg|txt|webmanifest)$/;
/** Smaller files fit one packet as they are. */
const LEAST_BYTES = 1024;
/** The most there is: it is done once a build, in some seconds, and a first visit has 300 kB and not more. */
const BROTLI_QUALITY = constants.BROTLI_MAX_QUALITY;

export function compressed(): Plugin {
  return {
    name: 'trivet:compressed',
    apply: 'build',
    writeBundle: {
      // After whoever still changes files.
      order: 'post',
      sequential: true,
      async handler({ dir }) {
        const names = await readdir(dir!, { recursive: true });
        await Promise.all(names.filter((name) => TEXT.test(name)).map((name) => compress(join(dir!, name))));
      },
    },
  };
}

async function compress(file: string): Promise<void> {
  const bytes = await readFile(file);
  if (bytes.length < LEAST_BYTES) return;
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  };
  await Promise.all([
    promisify(brotliCompress)(bytes, { params }).then((copy) => writeFile(`${file}.br`, copy)),
    promisify(gzip)(bytes, { level: 9 }).then((copy) => writeFile(`${file}.gz`, copy)),
  ]);
}
