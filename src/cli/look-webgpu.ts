import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PageForward, PageLook, PageQuestion, PageTensor } from '../headless/question.ts';
import type { Dtype } from '../protocol/device.ts';
import { type ErrorCode, SondeError } from '../shared/errors.ts';
import type { FloatTensor, Tensor } from '../shared/tensor.ts';
import { chromiumFlags, chromiumPath } from './chromium.ts';
import type { Look } from './look.ts';
import { serveFolders } from './serve.ts';

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

function fromBase64(base64: string): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
  return new Float32Array(bytes.buffer);
}

/** One forward in the page: a text, or tensors by input name, and the hooks wanted of it. */
export interface Forward {
  readonly input: string | Readonly<Record<string, Tensor>>;
  readonly patterns: readonly string[];
}

function toPage({ input, patterns }: Forward): PageForward {
  if (typeof input === 'string') return { input, patterns };
  const tensors = Object.entries(input).map(([name, { type, dims, data }]): [string, PageTensor] => [
    name,
    { type, dims, values: Array.from(data, Number) },
  ]);
  return { input: Object.fromEntries(tensors), patterns };
}

/** An error crosses from the page as JSON: its class is lost, its code is not. */
type Answer =
  | readonly PageLook[]
  | { readonly code: ErrorCode; readonly message: string; readonly remedy: string };

/** Runs in a headless Chromium, on the worker and the WebGPU that a page would use. */
export async function lookOnWebgpu(
  folder: string,
  dtype: Dtype,
  forwards: readonly Forward[],
): Promise<readonly Look[]> {
  const executablePath = await chromiumPath();
  const { chromium } = await import('playwright');
  const model = basename(resolve(folder));
  const server = await serveFolders({ '/': builtPage(), [`/models/${model}/`]: folder });
  const browser = await chromium.launch({ executablePath, args: [...chromiumFlags] });
  try {
    const page = await browser.newPage();
    await page.goto(`${server.origin}/blank`);
    const question: PageQuestion = {
      model: `${server.origin}/models/${model}`,
      dtype,
      forwards: forwards.map(toPage),
    };
    const answer = await page.evaluate<Answer>(
      `import('/headless.js').then(({ look }) => look(${JSON.stringify(question)}))
        .catch(({ code = 'run_failed', message, remedy = '' }) => ({ code, message, remedy }))`,
    );
    if ('code' in answer) throw new SondeError(answer.code, answer.message, answer.remedy);
    return answer.map(({ device, tokens, tensors }) => ({
      model,
      device,
      tokens,
      tensors: new Map(
        tensors.map(({ name, dims, base64 }): [string, FloatTensor] => [
          name,
          { type: 'float32', dims, data: fromBase64(base64) },
        ]),
      ),
    }));
  } finally {
    await browser.close();
    await server.close();
  }
}
