import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

export interface Size {
  readonly part: string;
  readonly gzip: number;
}

const gzipOf = async (files: readonly string[]): Promise<number> => {
  const bodies = await Promise.all(files.map((file) => readFile(file)));
  return bodies.reduce((sum, body) => sum + gzipSync(body, { level: 9 }).length, 0);
};

interface Built {
  /** The page's html, style sheets, and scripts from its first load on. */
  readonly page: readonly string[];
  readonly worker: readonly string[];
  /** What the worker fetches when it is needed: the engine of chat templates. */
  readonly late: readonly string[];
  readonly wasm: readonly string[];
}

/** A script belongs to the page if the page names it; what only the worker names is the worker's. */
async function builtIn(folder: string): Promise<Built> {
  const assets = (await readdir(join(folder, 'assets'))).map((file) => join(folder, 'assets', file));
  const html = join(folder, 'index.html');
  const scripts = assets.filter((file) => file.endsWith('.js'));
  const worker = scripts.filter((file) => /^inspector/.test(basename(file)));
  const page = new Set([html]);
  for (const file of page) {
    const text = await readFile(file, 'utf8');
    for (const asset of assets)
      if (/\.(js|css)$/.test(asset) && !worker.includes(asset) && text.includes(basename(asset)))
        page.add(asset);
  }
  return {
    page: [...page],
    worker,
    late: scripts.filter((file) => !page.has(file) && !worker.includes(file)),
    wasm: assets.filter((file) => file.endsWith('.wasm')),
  };
}

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
  const { page, worker, late, wasm } = await builtIn(join(folder, 'dist'));
  const sizes = [
    { part: 'page core (createSonde)', gzip: await gzipOf(page) },
    { part: 'worker', gzip: await gzipOf(worker) },
    { part: 'chat templates, when they are used', gzip: await gzipOf(late) },
    { part: 'onnxruntime wasm', gzip: await gzipOf(wasm) },
  ];
  await rm(folder, { recursive: true });
  return sizes;
}

/** @param root of the repository, built */
export async function sizes(root: string): Promise<Size[]> {
  const { page } = await builtIn(join(root, 'dist/playground'));
  return [...(await pageCore(root)), { part: 'playground page (html, js, css)', gzip: await gzipOf(page) }];
}
