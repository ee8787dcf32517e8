// `sonde audit erase` that is killed (SIGKILL) at the n-th segment it puts in place, just before or just after.
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { runnerImport } from 'vite';

const [when, nth, ...argv] = process.argv.slice(2);
const { rename } = fs;
let renamed = 0;
fs.rename = async (from, to) => {
  const isNow = from.endsWith('.erasing') && ++renamed === Number(nth);
  if (isNow && when === 'before') process.kill(process.pid, 'SIGKILL');
  await rename(from, to);
  if (isNow) process.kill(process.pid, 'SIGKILL');
};
syncBuiltinESMExports();
const { module } = await runnerImport(new URL('../../../src/cli/audit.ts', import.meta.url).pathname, {
  configFile: false,
  logLevel: 'error',
});
process.exitCode = await module.audit(argv);
