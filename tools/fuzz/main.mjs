// `pnpm fuzz`: runs from the TypeScript sources, so that no stale build is fuzzed.
import { loadFromSource } from './source.mjs';

const { main } = await loadFromSource('src/main.ts');
await main(process.argv.slice(2));
