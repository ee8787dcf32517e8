import type { Ask } from './transformers-worker.ts';

/** Plain transformers.js in a worker of its own. */
export function asker(): { ask(question: Ask): Promise<readonly number[]>; close(): void } {
  const worker = new Worker(new URL('./transformers-worker.ts', import.meta.url), {
    type: 'module',
    name: 'transformers.js',
  });
  return {
    ask: (question) =>
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data }: MessageEvent<{ times?: readonly number[]; error?: string }>) =>
          data.times === undefined ? reject(new Error(data.error)) : resolve(data.times);
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.postMessage(question);
      }),
    close: () => worker.terminate(),
  };
}
