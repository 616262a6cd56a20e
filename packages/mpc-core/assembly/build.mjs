// Compiles the AssemblyScript kernels and embeds the module as base64, so that Node and browsers load it alike.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, '../src/kernels/wasm/module.generated.ts');

let binary;
const { error, stderr } = await asc.main(
  [
    'index.ts',
    '--baseDir',
    here,
    '--outFile',
    'kernels.wasm',
    '-O3',
    '--converge',
    '--noAssert',
    '--uncheckedBehavior',
    'always',
    '--enable',
    'simd',
    '--runtime',
    'stub',
    '--use',
    'abort=',
    '--initialMemory',
    '2',
    // Names of functions, 500 bytes of them, so that profiles can be read.
    '--debug',
  ],
  {
    writeFile: (name, contents) => {
      if (name.endsWith('.wasm')) binary = contents;
    },
  },
);
if (error || !binary) {
  process.stderr.write(`${stderr.toString()}\n${error?.message ?? 'no module was written'}\n`);
  process.exit(1);
}
mkdirSync(dirname(target), { recursive: true });
writeFileSync(
  target,
  `/** Built from assembly/ by \`pnpm build:wasm\`. */\nexport const MODULE_BASE64 =\n  '${Buffer.from(binary).toString('base64')}';\n`,
);
process.stdout.write(`kernels.wasm: ${binary.length} bytes\n`);
