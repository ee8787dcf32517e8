import { basename } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

export interface SiteOptions {
  /** The built playground. */
  readonly folder: string;
  /** Cross-origin isolation, which threads need. Default true; the playground works without. */
  readonly isolation?: boolean;
  /** Lets the page fetch models from the Hugging Face hub. Default false: it talks to this server only. */
  readonly allowHub?: boolean;
}

const hub = ['https://huggingface.co', 'https://*.huggingface.co', 'https://*.hf.co'];

/** No eval: `wasm-unsafe-eval` compiles WebAssembly and nothing else. */
const contentSecurityPolicy = (allowHub: boolean): string =>
  [
    "default-src 'self'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self' blob:",
    `connect-src ${["'self'", ...(allowHub ? hub : [])].join(' ')}`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');

/** What the table of known types lacks. */
const types: Readonly<Record<string, string>> = {
  onnx: 'application/octet-stream',
  safetensors: 'application/octet-stream',
  wasm: 'application/wasm',
};

/** The bundler puts a digest into the names of its assets, so they never change under one name. */
const isHashed = (path: string): boolean =>
  /-[\w-]{8,}\.\w+$/.test(basename(path)) && path.includes('/assets/');

export async function serveSite(app: FastifyInstance, options: SiteOptions): Promise<void> {
  const { folder, isolation = true, allowHub = false } = options;
  const policy = contentSecurityPolicy(allowHub);
  await app.register(fastifyStatic, {
    root: folder,
    cacheControl: false,
    setHeaders: (response, path) => {
      response.setHeader('Content-Security-Policy', policy);
      response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
      response.setHeader('Referrer-Policy', 'no-referrer');
      response.setHeader(
        'Cache-Control',
        isHashed(path) ? 'public, max-age=31536000, immutable' : 'no-cache',
      );
      const type = types[path.slice(path.lastIndexOf('.') + 1)];
      if (type !== undefined) response.setHeader('Content-Type', type);
      if (!isolation) return;
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    },
  });
}
