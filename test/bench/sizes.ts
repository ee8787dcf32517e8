import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

export interface Size {
  readonly part: string;
  readonly gzip: number;
}

const gzipped = async (folder: string, test: (file: string) => boolean): Promise<number> => {
  const names = (await readdir(folder, { recursive: true })).filter(test);
  const files = await Promise.all(names.map((name) => readFile(join(folder, name))));
  return files.reduce((sum, file) => sum + gzipSync(file, { level: 9 }).length, 0);
};

/** What a page that calls `createSonde` and nothing else downloads, bundled by Vite without configuration. */
async function pageCore(root: string): Promise<Size[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sonde-size-'));
  await writeFile(
    join(folder, 'main.js'),
    `import { createSonde } from ${JSON.stringify(join(root, 'dist/src/index.js'))};\nwindow.sonde = createSonde();\n`,
  );
  await writeFile(join(folder, 'index.html'), '<script type="module" src="/main.js"></script>');
  await build({
    root: folder,
    configFile: false,
    logLevel: 'error',
    worker: { format: 'es' },
    build: { modulePreload: { polyfill: false } },
  });
  const assets = join(folder, 'dist/assets');
  const sizes = [
    {
      part: 'page core (createSonde)',
      gzip: await gzipped(assets, (file) => /\.js$/.test(file) && !/^inspector/.test(file)),
    },
    { part: 'worker', gzip: await gzipped(assets, (file) => /^inspector.*\.js$/.test(file)) },
    { part: 'onnxruntime wasm', gzip: await gzipped(assets, (file) => file.endsWith('.wasm')) },
  ];
  await rm(folder, { recursive: true });
  return sizes;
}

/** @param root of the repository, built */
export async function sizes(root: string): Promise<Size[]> {
  const built = join(root, 'dist/playground');
  return [
    ...(await pageCore(root)),
    {
      part: 'playground page (html, js, css)',
      gzip: await gzipped(
        built,
        (file) => /\.(html|js|css)$/.test(file) && !/inspector|headless|^models/.test(file),
      ),
    },
  ];
}
