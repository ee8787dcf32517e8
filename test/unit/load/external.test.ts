import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { externalPath } from '../../../src/load/external.ts';
import { folderSource } from '../../../src/load/folder.node.ts';
import { dtypesOf, fileNamed, findGraphs } from '../../../src/load/graph-file.ts';
import { pickedSource } from '../../../src/load/picked.ts';
import { idTensor } from '../../../src/run/feeds.ts';
import { loadWeights } from '../../../src/run/load-parts.ts';
import { forward } from '../../../src/run/model.ts';
import { openNodeModel } from '../../../src/run/open.node.ts';
import { splitWeights } from '../../hub/split.ts';

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sonde-external-'));
});
afterAll(() => rm(scratch, { recursive: true }));

async function write(folder: string, files: Readonly<Record<string, Uint8Array | string>>): Promise<string> {
  for (const [path, body] of Object.entries(files)) {
    await mkdir(dirname(join(scratch, folder, path)), { recursive: true });
    await writeFile(join(scratch, folder, path), body);
  }
  return join(scratch, folder);
}

const whole = await readFile('test/zoo/gpt2/onnx/model.onnx');
const config = await readFile('test/zoo/gpt2/config.json');
const locations = ['model.onnx_data', 'model.onnx_data_1', './shards/2.bin', '../shared/weights 3.bin'];
const { graph, data } = splitWeights(new Uint8Array(whole), locations);
const published: Record<string, Uint8Array> = { 'config.json': config, 'onnx/model.onnx': graph };
for (const [location, body] of data) published[externalPath('onnx/model.onnx', location)] = body;

describe('external data in many files', () => {
  it('is read from where the graph says, and the model computes what it did in one file', async () => {
    const folder = await write('many', published);
    const logits: Buffer[] = [];
    for (const path of ['test/zoo/gpt2', folder]) {
      const { model, dispose } = await openNodeModel(path);
      const { capture } = await forward(model, { input_ids: idTensor([[5, 6, 7]]) }, ['logits']);
      const { data: values } = await capture.read('logits');
      logits.push(Buffer.from(values.slice().buffer));
      await dispose();
    }
    expect(logits[0]?.length).toBe(3 * 1024 * 4);
    expect(logits[1]?.equals(logits[0] ?? Buffer.of())).toBe(true);
  });

  it('is found among picked files too', async () => {
    const files = Object.entries(published).map(([path, body]) => {
      const name = path.split('/').at(-1) ?? path;
      return { path: name, file: new File([new Uint8Array(body)], name) };
    });
    const weights = await loadWeights(pickedSource(files), 'fp32', {});
    expect([...(weights?.external.keys() ?? [])]).toEqual(locations);
    for (const [location, body] of data)
      expect(Buffer.from(body).equals(weights?.external.get(location) ?? new Uint8Array())).toBe(true);
  });

  it('that is missing is a named error when the model runs', async () => {
    const { 'onnx/model.onnx_data_1': _, ...others } = published;
    const { model, dispose } = await openNodeModel(await write('missing', others));
    await expect(forward(model, { input_ids: idTensor([[5]]) }, [])).rejects.toMatchObject({
      code: 'file_not_found',
      message: expect.stringContaining('model.onnx_data_1'),
    });
    await dispose();
  });

  it('outside of the folder is refused before a file is opened', async () => {
    for (const location of [
      '/etc/passwd',
      '../../secret',
      'a/../../../b',
      'C:\\x',
      '\\\\host\\x',
      'file:///x',
    ]) {
      const bad = splitWeights(new Uint8Array(whole), [location]);
      const folder = await write('bad', { 'config.json': config, 'onnx/model.onnx': bad.graph });
      await expect(openNodeModel(folder), location).rejects.toMatchObject({ code: 'model_invalid' });
    }
  });
});

it('no location, however written, leads out of the folder', () => {
  const part = fc.oneof(fc.constantFrom('..', '.', '', '\\', 'a', 'C:', '\0', '...', '..\\..'), fc.string());
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), fc.constantFrom('/', '\\'), (parts, slash) => {
      let path: string;
      try {
        path = externalPath('onnx/model.onnx', parts.join(slash));
      } catch {
        return;
      }
      expect(join('/root/folder', path).startsWith('/root/folder')).toBe(true);
      expect(path.split(/[/\\]/)).not.toContain('..');
    }),
    { numRuns: 2000 },
  );
});

describe('names of graph files', () => {
  it.each([
    ['onnx/model.onnx', 'fp32'],
    ['model_fp16.onnx', 'fp16'],
    ['onnx/model_quantized.onnx', 'q8'],
    ['onnx/model_int8.onnx', 'q8'],
    ['model_uint8.onnx', 'q8'],
    ['onnx/model_q4.onnx', 'q4'],
    ['onnx/model_bnb4.onnx', 'q4'],
    ['onnx/model_q4f16.onnx', 'q4f16'],
  ] as const)('%s is taken for %s', async (path, dtype) => {
    const folder = await write(`names/${path.replaceAll('/', '-')}`, { [path]: 'a graph' });
    expect(await dtypesOf(folderSource(folder))).toEqual([dtype]);
    expect(await findGraphs(folderSource(folder), dtype)).toEqual([{ part: 'model', dtype, path }]);
    expect(fileNamed(path)).toEqual({ part: 'model', dtype, path });
  });

  it('take the whole before its parts, and parts only together', async () => {
    const source = folderSource(
      await write('parts', {
        'onnx/encoder_model_fp16.onnx': '',
        'onnx/decoder_model_merged_fp16.onnx': '',
        'onnx/decoder_model_fp16.onnx': '',
      }),
    );
    expect((await findGraphs(source, 'fp16')).map(({ part }) => part)).toEqual([
      'encoder_model',
      'decoder_model_merged',
    ]);
    expect(await findGraphs(source, 'fp32')).toEqual([]);
  });
});
