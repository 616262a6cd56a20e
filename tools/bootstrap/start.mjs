// `npm start`: installs, builds and runs the whole demo. Ctrl-C ends all of it.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { prepare, ROOT, run } from './environment.mjs';

await run(async () => {
  await prepare();
  const demo = spawn(process.execPath, [join(ROOT, 'apps/cli/dist/demo/main.js'), ...process.argv.slice(2)], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  // Ctrl-C reaches the whole process group: this process only waits, so that nothing is left when it returns.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => demo.kill('SIGTERM'));
  // npm that is killed tells nobody; whoever it leaves behind has another parent from then on.
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && demo.kill('SIGTERM'), 500).unref();
  process.exitCode = await new Promise((resolve) => demo.once('exit', (code) => resolve(code ?? 1)));
});
