import { appendFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { folderUrl } from '../../../src/load/address.ts';
import { findSource } from '../../../src/load/find.node.ts';
import { remoteSource } from '../../../src/load/remote.ts';
import type { FileProgress, ModelSource } from '../../../src/load/source.ts';
import { defaultDtype, openNodeParts } from '../../../src/run/open.node.ts';
import { type Hub, startHub } from '../../hub/hub.ts';

const graph = 'onnx/model.onnx';
let scratch: string;
let folder: string;
let hub: Hub;
let cache: string;
let original: Buffer;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sonde-hub-'));
  folder = join(scratch, 'published');
  await cp('test/zoo/gpt2', folder, { recursive: true });
  original = await readFile(join(folder, graph));
  hub = await startHub({ 'tiny/gpt2': folder });
});
afterAll(async () => {
  await hub.close();
  await rm(scratch, { recursive: true });
});
beforeEach(async () => {
  cache = await mkdtemp(join(scratch, 'cache-'));
});

const inNode = (model = 'tiny/gpt2'): Promise<ModelSource> => findSource(model, { hub: hub.origin, cache });
const inPage = async (model = 'tiny/gpt2'): Promise<ModelSource> => {
  const { id, url } = folderUrl(model, 'http://unused/', hub.origin);
  return remoteSource(id, url);
};

/** `toEqual` over half a million numbers takes seconds. */
const expectOriginal = (body: Uint8Array | undefined): void =>
  expect(body !== undefined && original.equals(body)).toBe(true);

/** What was asked while `work` ran. */
async function asked(work: () => Promise<unknown>): Promise<string[]> {
  const before = hub.asked.length;
  await work();
  return hub.asked
    .slice(before)
    .map(({ at, method, path, range }) => [at, method, path, range].filter(Boolean).join(' '));
}

describe.each([
  ['Node', inNode],
  ['a page', inPage],
] as const)('a hub id in %s', (_, open) => {
  it('gives small and large files, these from another origin, with progress up to their length', async () => {
    const source = await open();
    const seen: FileProgress[] = [];
    expectOriginal(await source.read(graph, { onProgress: (progress) => seen.push(progress) }));
    expect(seen.at(-1)).toMatchObject({ loaded: original.length, total: original.length, cached: false });
    expect(hub.asked.at(-1)).toMatchObject({ at: 'cdn', method: 'GET' });
    const config = await source.read('config.json');
    expect(config && new TextDecoder().decode(config)).toContain('gpt2');
    expect(await source.size(graph)).toBe(original.length);
    expect(source.id).toBe('tiny/gpt2');
  });

  it('takes a revision: branch, tag, commit or a reference with slashes', async () => {
    expect(await (await open('tiny/gpt2@v1')).read('config.json')).toBeDefined();
    expect(await (await open('tiny/gpt2@refs/pr/1')).read('config.json')).toBeDefined();
    expect(hub.asked.at(-1)?.revision).toBe('refs/pr/1');
    await expect((await open('tiny/gpt2@v2')).read('config.json')).rejects.toMatchObject({
      code: 'model_not_found',
    });
  });

  it('tells a file that is not there from a model that is not there', async () => {
    expect(await (await open()).read('absent.json')).toBeUndefined();
    await expect((await open('tiny/unknown')).read('config.json')).rejects.toMatchObject({
      code: 'model_not_found',
    });
  });

  it('continues a transfer that broke off with a range request, and asks for nothing twice', async () => {
    const source = await open();
    hub.breakNext(graph, 100_000);
    let body: Uint8Array | undefined;
    const requests = await asked(async () => {
      body = await source.read(graph);
    });
    expectOriginal(body);
    expect(requests.at(-1)).toBe(`cdn GET ${graph} bytes=100000-`);
  });

  it('refuses a file that is longer than what was asked for before its bytes arrive', async () => {
    const source = await open();
    await expect(source.read(graph, { limit: 1000 as never })).rejects.toMatchObject({
      code: 'model_invalid',
    });
  });
});

describe('the cache folder of Node', () => {
  it('gives an unchanged file without asking for its bytes again, and a changed one anew', async () => {
    await (await inNode()).read('config.json');
    const again = await asked(async () => {
      const progress: FileProgress[] = [];
      await (await inNode()).read('config.json', { onProgress: (one) => progress.push(one) });
      expect(progress).toMatchObject([{ cached: true }]);
    });
    expect(again).toEqual(['hub HEAD config.json']);
    const config = join(folder, 'config.json');
    const text = await readFile(config, 'utf8');
    await writeFile(config, text.replace('{', '{ "changed": 1,'));
    const changed = await (await inNode()).read('config.json');
    await writeFile(config, text);
    expect(changed && new TextDecoder().decode(changed)).toContain('"changed"');
  });

  it('continues what an earlier process left, and not what it left of another version', async () => {
    await (await inNode()).read(graph);
    const files = await readdir(cache, { recursive: true });
    const file = join(cache, files.find((each) => each.endsWith('model.onnx')) ?? '');
    const stamp = await readFile(`${file}.stamp`, 'utf8');
    const leave = async (body: Uint8Array, of: string): Promise<void> => {
      await Promise.all([rm(file, { force: true }), rm(`${file}.stamp`, { force: true })]);
      await writeFile(`${file}.part`, body);
      await writeFile(`${file}.part.stamp`, of);
    };
    await leave(original.subarray(0, 5000), stamp);
    const rest = await asked(async () => {
      expectOriginal(await (await inNode()).read(graph));
    });
    expect(rest.at(-1)).toBe(`cdn GET ${graph} bytes=5000-`);
    await leave(original.subarray(0, 5000), 'another version');
    const whole = await asked(async () => {
      expectOriginal(await (await inNode()).read(graph));
    });
    expect(whole.at(-1)).toBe(`cdn GET ${graph}`);
    expect((await readdir(cache, { recursive: true })).filter((name) => name.includes('.part'))).toEqual([]);
  });

  it('keeps nothing that is not what the hub announced', async () => {
    hub.corruptNext(graph);
    await expect((await inNode()).read(graph)).rejects.toMatchObject({ code: 'network' });
    expectOriginal(await (await inNode()).read(graph));
  });

  it('serves without a network what it has, and says so of what it has not', async () => {
    const other = await startHub({ 'tiny/gpt2': folder });
    const find = (): Promise<ModelSource> => findSource('tiny/gpt2', { hub: other.origin, cache });
    await (await find()).read('config.json');
    await other.close();
    expect(await (await find()).read('config.json')).toBeDefined();
    await expect((await find()).read(graph)).rejects.toMatchObject({ code: 'network' });
  });

  it('opens a whole model without a network once it was opened with one, files it lacks included', async () => {
    const other = await startHub({ 'tiny/gpt2': folder });
    const open = async (): Promise<string[]> => {
      const source = await findSource('tiny/gpt2', { hub: other.origin, cache });
      const { parts, dispose } = await openNodeParts(source, await defaultDtype(source));
      await dispose();
      return parts.map(({ part, weights }) => `${part} ${weights.dtype}`);
    };
    const opened = await open();
    await other.close();
    expect(await open()).toEqual(opened);
  });
});

describe('what a person names', () => {
  it('is a folder or file of this machine first', async () => {
    expect(await findSource('test/zoo', { hub: hub.origin, cache })).not.toHaveProperty('graph');
    const file = await findSource('test/zoo/gpt2/onnx/model_fp16.onnx', { hub: hub.origin, cache });
    expect(file).toMatchObject({ id: 'gpt2', graph: 'onnx/model_fp16.onnx' });
    expect(await file.read('config.json')).toBeDefined();
    await appendFile(join(scratch, 'alone.onnx'), original);
    const alone = await findSource(join(scratch, 'alone.onnx'), { hub: hub.origin, cache });
    expect(alone).toMatchObject({ id: 'alone', graph: 'alone.onnx' });
  });

  it('is refused in a sentence where it is none and no hub id', async () => {
    for (const name of ['nothing', './no/where', '../up', 'a/b/c'])
      await expect(findSource(name, { hub: hub.origin, cache })).rejects.toMatchObject({
        code: 'model_not_found',
      });
  });
});
