// Runs `sonde collect` from its TypeScript source in a process of its own, so that a test can kill it.
import { runnerImport } from 'vite';

const { module } = await runnerImport(new URL('../../../src/cli/collect.ts', import.meta.url).pathname, {
  configFile: false,
  logLevel: 'error',
});
process.exitCode = await module.collect(process.argv.slice(2));
