import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { startCollector, temporaryFolder } from './start.ts';

const files = {
  'index.html': '<!doctype html><title>playground</title>',
  'assets/index-Ab12Cd34.js': 'export {};',
  'assets/ort-wasm-simd-Ab12Cd34.wasm': '\0asm',
  'models/tiny/onnx/model.onnx': 'onnx',
  'models/tiny/golden.safetensors': 'tensors',
  'models/tiny/config.json': '{}',
};

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
});

const headersOf = async (url: string) => Object.fromEntries((await fetch(url)).headers);

describe('the playground from the collector', () => {
  it('is isolated, and its policy allows no eval, no other origin and no framing', async () => {
    const { address } = await startCollector({ site: { folder } });
    const headers = await headersOf(`${address}/`);
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
      'cross-origin-resource-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-cache',
    });
    const policy = headers['content-security-policy'] ?? '';
    expect(policy).toContain("script-src 'self' 'wasm-unsafe-eval';");
    expect(policy).toContain("connect-src 'self';");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/'unsafe-eval'|https?:|\*/);
  });

  it('can be served without isolation, and with the hub allowed', async () => {
    const { address } = await startCollector({ site: { folder, isolation: false, allowHub: true } });
    const headers = await headersOf(`${address}/`);
    expect(headers).not.toHaveProperty('cross-origin-opener-policy');
    expect(headers).not.toHaveProperty('cross-origin-embedder-policy');
    expect(headers['content-security-policy']).toContain("connect-src 'self' https://huggingface.co ");
  });

  it.each([
    ['assets/index-Ab12Cd34.js', /javascript/, 'public, max-age=31536000, immutable'],
    ['assets/ort-wasm-simd-Ab12Cd34.wasm', /^application\/wasm$/, 'public, max-age=31536000, immutable'],
    ['models/tiny/onnx/model.onnx', /^application\/octet-stream$/, 'no-cache'],
    ['models/tiny/golden.safetensors', /^application\/octet-stream$/, 'no-cache'],
    ['models/tiny/config.json', /^application\/json/, 'no-cache'],
  ])('gives %s its type and age', async (path, type, cache) => {
    const { address } = await startCollector({ site: { folder } });
    const headers = await headersOf(`${address}/${path}`);
    expect(headers['content-type']).toMatch(type);
    expect(headers['cache-control']).toBe(cache);
    expect(headers['cross-origin-resource-policy']).toBe('same-origin');
  });

  it('serves ranges, says what has not changed, and says what is not there', async () => {
    const { address, collector } = await startCollector({ site: { folder } });
    const path = '/models/tiny/onnx/model.onnx';
    const url = address + path;
    const etag = (await fetch(url)).headers.get('etag') ?? '';
    // Not with `fetch`, which adds a no-cache of its own to a conditional request.
    const again = await collector.app.inject({ url: path, headers: { 'if-none-match': etag } });
    expect(again.statusCode).toBe(304);
    const part = await fetch(url, { headers: { range: 'bytes=1-2' } });
    expect([part.status, await part.text()]).toEqual([206, 'nn']);
    for (const absent of ['missing.js', 'models/', '.env', '..%2f..%2fetc%2fpasswd']) {
      const answer = await fetch(`${address}/${absent}`);
      expect(answer.status, absent).toBeGreaterThanOrEqual(400);
      expect(answer.status, absent).toBeLessThan(500);
    }
  });
});
