// Compiles the AssemblyScript kernels and embeds the modules as base64, so that Node and browsers load them alike: one over a
// memory of its own, one over a memory that threads share. They differ in the memory that they import, and in nothing else.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, '../src/kernels');

async function build(file, name, options) {
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
      '--importMemory',
      '--initialMemory',
      '2',
      ...options,
      // Names of functions, 500 bytes of them, so that profiles can be read.
      '--debug',
    ],
    {
      writeFile: (output, contents) => {
        if (output.endsWith('.wasm')) binary = contents;
      },
    },
  );
  if (error || !binary) {
    process.stderr.write(`${stderr.toString()}\n${error?.message ?? 'no module was written'}\n`);
    process.exit(1);
  }
  mkdirSync(dirname(join(target, file)), { recursive: true });
  writeFileSync(
    join(target, file),
    `/** Built from assembly/ by \`pnpm build:wasm\`. */\nexport const ${name} =\n  '${Buffer.from(binary).toString('base64')}';\n`,
  );
  process.stdout.write(`${file}: ${binary.length} bytes of WASM\n`);
}

await build('wasm/module.generated.ts', 'MODULE_BASE64', []);
await build('threads/module.generated.ts', 'SHARED_MODULE_BASE64', [
  '--enable',
  'threads',
  '--sharedMemory',
  '--maximumMemory',
  '65536',
]);
