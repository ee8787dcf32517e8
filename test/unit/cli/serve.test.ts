import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Served, serveFolders } from '../../../src/cli/serve.ts';

let scratch: string;
let server: Served;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sonde-serve-'));
  await mkdir(join(scratch, 'site'));
  await mkdir(join(scratch, 'model'));
  await writeFile(join(scratch, 'site/index.html'), 'home');
  await writeFile(join(scratch, 'site/run.wasm'), 'wasm');
  await writeFile(join(scratch, 'model/config.json'), '{}');
  await writeFile(join(scratch, 'secret'), 'secret');
  server = await serveFolders({ '/': join(scratch, 'site'), '/models/tiny/': join(scratch, 'model') });
});
afterAll(async () => {
  await server.close();
  await rm(scratch, { recursive: true });
});

/** By hand, because `fetch` tidies paths before it sends them. */
const get = (path: string): Promise<{ status: number; body: string; headers: Record<string, unknown> }> =>
  new Promise((resolve, reject) => {
    request(`${server.origin}/`, { path }, async (response) => {
      let body = '';
      for await (const chunk of response) body += chunk;
      resolve({ status: response.statusCode ?? 0, body, headers: response.headers });
    })
      .on('error', reject)
      .end();
  });

describe('serveFolders', () => {
  it('serves each folder under its prefix, cross-origin isolated, with the type browsers insist on', async () => {
    expect(await get('/')).toMatchObject({ status: 200, body: 'home' });
    expect(await get('/models/tiny/config.json')).toMatchObject({ status: 200, body: '{}' });
    const { headers } = await get('/run.wasm');
    expect(headers['content-type']).toBe('application/wasm');
    expect(headers['cross-origin-opener-policy']).toBe('same-origin');
    expect(headers['cross-origin-embedder-policy']).toBe('require-corp');
  });

  it.each([
    '/../secret',
    '/%2e%2e/secret',
    '/..%2fsecret',
    '/models/tiny/..%2f..%2fsecret',
    '/%zz',
    '/absent',
  ])('gives 404 for %s', async (path) => {
    expect(await get(path)).toMatchObject({ status: 404, body: '' });
  });

  it('has an empty page to run scripts on', async () => {
    expect((await get('/blank')).status).toBe(200);
  });
});
