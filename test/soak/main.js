// Node 20 runs no TypeScript, so Vite loads the soak.
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const { module } = await runnerImport(fileURLToPath(new URL('./soak.ts', import.meta.url)), {
  configFile: false,
  logLevel: 'error',
});
await module.soak(process.argv.slice(2));
