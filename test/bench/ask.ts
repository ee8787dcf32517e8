import type { Ask, Told } from './transformers-worker.ts';

/** Plain transformers.js in a worker of its own. */
export function asker(): { ask(question: Ask): Promise<readonly number[]>; close(): void } {
  const worker = new Worker(new URL('./transformers-worker.ts', import.meta.url), {
    type: 'module',
    name: 'transformers.js',
  });
  return {
    ask: (question) =>
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data }: MessageEvent<Told>) => {
          if ('times' in data) resolve(data.times);
          if ('error' in data) reject(new Error(data.error));
        };
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.postMessage(question);
      }),
    close: () => worker.terminate(),
  };
}
