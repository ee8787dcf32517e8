import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Bytes of gzip of what a bundler makes of these exports of the built library, with all that they need. */
async function sizeOf(exports: Readonly<Record<string, string>>): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'sonde-size-'));
  const imports = Object.entries(exports).map(
    ([file, names]) => `import { ${names} } from ${JSON.stringify(join(root, 'dist/src', file))};`,
  );
  const used = `window.used = [${Object.values(exports).join()}];`;
  await writeFile(join(folder, 'main.js'), [...imports, used].join('\n'));
  await writeFile(join(folder, 'index.html'), '<script type="module" src="/main.js"></script>');
  await build({
    root: folder,
    configFile: false,
    logLevel: 'error',
    build: { modulePreload: { polyfill: false } },
  });
  const assets = join(folder, 'dist/assets');
  const files = await Promise.all((await readdir(assets)).map((name) => readFile(join(assets, name))));
  await rm(folder, { recursive: true });
  return files.reduce((sum, file) => sum + gzipSync(file, { level: 9 }).length, 0);
}

it('the page part of telemetry, with every backend, is at most 8 KiB of gzip; a collector alone takes less', async () => {
  const delivery = { 'deliver/delivery.js': 'startDelivery' };
  const alone = await sizeOf(delivery);
  const all = await sizeOf({ ...delivery, 'telemetry.js': 'toConsole, toFunction, toOtlp' });
  console.log(`telemetry on the page: ${alone} B gzip, with all backends ${all} B`);
  expect(alone).toBeLessThan(all);
  expect(all).toBeLessThanOrEqual(8 * 1024);
});

it('the worker part, mask and batch, is at most 15 KiB of gzip', async () => {
  const size = await sizeOf({
    'batch/batch.js': 'openBatch',
    'mask/mask.js': 'maskMeasurement, maskOutcome, maskRecord, maskService',
    'mask/measure.js': 'measureDrift, measureRequest',
    'mask/local-privacy.js': 'withLocalPrivacy',
    'mask/coarse.js': 'coarsened',
  });
  console.log(`telemetry in the worker: ${size} B gzip`);
  expect(size).toBeLessThanOrEqual(15 * 1024);
});
