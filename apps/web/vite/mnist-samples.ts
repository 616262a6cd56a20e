/**
 * `virtual:mnist-samples`: a strip of real MNIST test digits, taken from the data set at build time, so that neither
 * the repository nor the page carries all of it. Two of each digit, the first ones of the test set.
 */
import type { Plugin } from 'vite';

const VIRTUAL_ID = 'virtual:mnist-samples';
const RESOLVED_ID = `\0${VIRTUAL_ID}`;
const SAMPLES_PER_DIGIT = 2;

export function mnistSamples(): Plugin {
  return {
    name: 'trivet:mnist-samples',
    resolveId: (id) => (id === VIRTUAL_ID ? RESOLVED_ID : null),
    async load(id) {
      if (id !== RESOLVED_ID) return null;
      const { IMAGE_SIZE, loadMnist } = await import('@trivet/mnist');
      const { images, labels } = await loadMnist('test');
      const chosen = firstOfEachDigit(labels);
      const samples = chosen.map((index) => ({
        index,
        label: labels[index],
        pixels: Buffer.from(images.subarray(index * IMAGE_SIZE, (index + 1) * IMAGE_SIZE)).toString('base64'),
      }));
      return `export default ${JSON.stringify(samples)};`;
    },
  };
}

/** Positions in the test set, so that the strip reads 0 to 9 and then 0 to 9 again. */
function firstOfEachDigit(labels: Uint8Array): number[] {
  return Array.from({ length: 10 * SAMPLES_PER_DIGIT }, (_, slot) => {
    const digit = slot % 10;
    const skip = Math.floor(slot / 10);
    let seen = -1;
    return labels.findIndex((label) => label === digit && ++seen === skip);
  });
}
