// Node 20 runs no TypeScript, so Vite loads the benchmark.
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const { module } = await runnerImport(fileURLToPath(new URL('./bench.ts', import.meta.url)), {
  configFile: false,
  logLevel: 'error',
});
await module.bench(process.argv.slice(2));
