import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PageModel, PageOpened, PageQuestion, PageTensor } from '../headless/question.ts';
import { type ErrorCode, SondeError } from '../shared/errors.ts';
import type { FloatTensor, Tensor } from '../shared/tensor.ts';
import { chromiumFlags, chromiumPath } from './chromium.ts';
import { requireInputs } from './inputs.ts';
import type { Viewer } from './look.ts';
import type { NamedModel } from './model.ts';
import { serveFolders } from './serve.ts';
import { sourceMount } from './serve-source.ts';

/** Where Vite puts the browser build, from `dist/src/cli` and from `src/cli` alike. */
function builtPage(): string {
  const here = fileURLToPath(new URL('.', import.meta.url));
  const found = ['../../playground', '../../dist/playground']
    .map((folder) => resolve(here, folder))
    .find((folder) => existsSync(join(folder, 'headless.js')));
  if (found === undefined)
    throw new SondeError(
      'file_not_found',
      'The browser build is missing.',
      'In a clone of Sonde run: npm run build. The npm package does not contain it.',
    );
  return found;
}

/** An error crosses from the page as JSON: its class is lost, its code is not. */
type Answer<T> =
  | { readonly value: T }
  | { readonly code: ErrorCode; readonly message: string; readonly remedy: string };

/** Runs in a headless Chromium, on the worker and the WebGPU that a page would use. */
export async function openOnWebgpu({ source, dtype }: NamedModel): Promise<Viewer> {
  const executablePath = await chromiumPath();
  const { chromium } = await import('playwright');
  const server = await serveFolders({ '/': builtPage(), '/model/': sourceMount(source, dtype) });
  const browser = await chromium.launch({ executablePath, args: [...chromiumFlags] });
  const close = async (): Promise<void> => {
    await browser.close();
    await server.close();
  };
  try {
    const page = await browser.newPage();
    await page.goto(`${server.origin}/blank`);
    const ask = async <T>(name: 'open' | 'look' | 'read', argument: unknown): Promise<T> => {
      const answer = await page.evaluate<Answer<T>>(
        `import('/headless.js').then((page) => page.${name}(${JSON.stringify(argument)}))
          .then((value) => ({ value }), ({ code = 'run_failed', message, remedy = '' }) => ({ code, message, remedy }))`,
      );
      if ('code' in answer) throw new SondeError(answer.code, answer.message, answer.remedy);
      return answer.value;
    };
    const model: PageModel = { url: `${server.origin}/model/`, dtype };
    const opened = await ask<PageOpened>('open', model);
    return {
      device: opened.device,
      async look(inputs, patterns) {
        requireInputs(inputs, opened.inputs);
        const sent = Object.entries(inputs).map(([name, tensor]) => [name, toPage(tensor)]);
        const question: PageQuestion = { inputs: Object.fromEntries(sent), patterns };
        const tensors = new Map<string, FloatTensor>();
        for (const hook of await ask<readonly string[]>('look', question))
          tensors.set(hook, fromPage(await ask<PageTensor>('read', hook)));
        return tensors;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const toPage = ({ type, dims, data }: Tensor): PageTensor => ({
  type,
  dims,
  base64: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'),
});

/** A capture is read as float32, whatever the model computes in. */
const fromPage = ({ dims, base64 }: PageTensor): FloatTensor => ({
  type: 'float32',
  dims,
  data: new Float32Array(Uint8Array.from(Buffer.from(base64, 'base64')).buffer),
});
