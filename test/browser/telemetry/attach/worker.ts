import { attach } from '../../../../src/transformers.ts';

attach();

// It answers everything that it is sent.
self.onmessage = async ({ data }: MessageEvent<string>) => {
  const { answer } = await import('./pipe.ts');
  postMessage({ asked: data, answer: await answer(data) });
};
