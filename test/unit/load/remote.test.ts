import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folderUrl } from '../../../src/load/address.ts';
import { loadFolder, sumProgress } from '../../../src/load/load.ts';
import { remoteSource } from '../../../src/load/remote.ts';
import { openTokenizer } from '../../../src/load/tokenizer.ts';

const file = new Uint8Array(300_000).map((_, index) => index % 251);
let server: Server;
let base: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    // A kept connection could be closed by its timeout in the moment it is used again.
    response.setHeader('connection', 'close');
    switch (request.url) {
      case '/model/whole.bin':
        response.setHeader('content-length', file.length).end(file);
        break;
      case '/model/unknown-length.bin':
        response.write(file.subarray(0, 1000));
        response.end(file.subarray(1000));
        break;
      case '/model/broken.bin':
        response.setHeader('content-length', file.length);
        response.write(file.subarray(0, 1000), () => response.destroy());
        break;
      case '/model/page.bin':
        response.setHeader('content-type', 'text/html').end('<!doctype html>');
        break;
      case '/model/overloaded.bin':
        response.statusCode = 503;
        response.end();
        break;
      case '/bad/config.json':
        response.end('{"model_type": ');
        break;
      case '/bad/tokenizer.json':
      case '/untokenized/config.json':
        response.end('{}');
        break;
      default:
        response.statusCode = 404;
        response.end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => new Promise((resolve) => server.close(resolve)));

const source = () => remoteSource('model', `${base}/model/`);

describe('a folder behind a URL', () => {
  it('gives a file whole, and progress in bytes of bytes up to its length', async () => {
    const seen: { loaded: number; total?: number }[] = [];
    const body = await source().read('whole.bin', { onProgress: (progress) => seen.push(progress) });
    expect(body && Buffer.compare(body, file)).toBe(0);
    expect(seen.at(-1)).toMatchObject({ loaded: file.length, total: file.length });
    expect(seen.map(({ loaded }) => loaded)).toEqual(seen.map(({ loaded }) => loaded).sort((a, b) => a - b));
  });

  it('gives a file of unknown length whole, without a made-up total', async () => {
    const seen: { total?: number }[] = [];
    const body = await source().read('unknown-length.bin', { onProgress: (progress) => seen.push(progress) });
    expect(body && Buffer.compare(body, file)).toBe(0);
    expect(seen.every(({ total }) => total === undefined)).toBe(true);
  });

  it('answers undefined for a file that is not there, and for the index page of a single-page server', async () => {
    expect(await source().read('absent.bin')).toBeUndefined();
    expect(await source().read('page.bin')).toBeUndefined();
  });

  it('names a network fault for a transfer that breaks off and for a server in trouble', async () => {
    await expect(source().read('broken.bin')).rejects.toMatchObject({ code: 'network' });
    await expect(source().read('overloaded.bin')).rejects.toMatchObject({ code: 'network' });
    await expect(remoteSource('x', 'http://127.0.0.1:1/').read('config.json')).rejects.toMatchObject({
      code: 'network',
    });
  });

  it('says aborted, not network, when it was stopped', async () => {
    const controller = new AbortController();
    const reading = source().read('whole.bin', {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(reading).rejects.toMatchObject({ code: 'aborted' });
  });
});

describe('a model folder', () => {
  it('that is not there is model_not_found', async () => {
    await expect(loadFolder(remoteSource('nothing', `${base}/nothing/`), {})).rejects.toMatchObject({
      code: 'model_not_found',
    });
  });

  it('with a broken config is model_invalid; without a tokenizer nothing can be tokenized', async () => {
    await expect(loadFolder(remoteSource('bad', `${base}/bad/`), {})).rejects.toMatchObject({
      code: 'model_invalid',
    });
    const untokenized = await loadFolder(remoteSource('untokenized', `${base}/untokenized/`), {});
    expect(() => openTokenizer(untokenized)).toThrow(expect.objectContaining({ code: 'tokenizer_mismatch' }));
  });
});

describe('addresses', () => {
  it('tell hub ids from folders, and name a folder by its last segment only', () => {
    expect(folderUrl('org/some-model.v2', 'http://a/').url).toMatch(
      /^https:.*\/org\/some-model\.v2\/resolve\/main\/$/,
    );
    expect(folderUrl('org/name@refs/pr/1', 'http://a/', 'http://hub:1').url).toBe(
      'http://hub:1/org/name/resolve/refs%2Fpr%2F1/',
    );
    expect(folderUrl('../models', 'http://a/b/').url).toBe('http://a/models/');
    expect(folderUrl('/models/shakespeare-gpt', 'http://a/b/')).toEqual({
      id: 'shakespeare-gpt',
      url: 'http://a/models/shakespeare-gpt/',
    });
    expect(folderUrl('./m/', 'http://a/b/c.html').url).toBe('http://a/b/m/');
  });
});

describe('progress over files fetched side by side', () => {
  it('sums bytes, and has a total only once every length is known', () => {
    const seen: unknown[] = [];
    const report = sumProgress((progress) => seen.push([progress.loaded, progress.total]));
    report({ path: 'a', loaded: 5, total: 10, cached: false } as never);
    report({ path: 'b', loaded: 1, cached: false } as never);
    report({ path: 'b', loaded: 2, total: 4, cached: false } as never);
    expect(seen).toEqual([
      [5, 10],
      [6, undefined],
      [7, 14],
    ]);
  });
});
