// The entry of a fuzzing thread.
import { loadFromSource } from './source.mjs';

const { fuzzInThread } = await loadFromSource('src/threads/thread.ts');
await fuzzInThread();
