import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import {
  architectureTree,
  hooksOf,
  openAtFirst,
  visibleRows,
} from '../../../src/elements/architecture-tree.ts';
import { mapGraph, search } from '../../../src/elements/graph-index.ts';
import { instrument } from '../../../src/instrument/instrument.ts';
import type { Instrumented } from '../../../src/instrument/instrumented.ts';

const read = async (path: string): Promise<Instrumented> =>
  instrument(new Uint8Array(await readFile(`test/zoo/${path}`)), { file: path.split('/').at(-1) ?? path });

const models = ['gpt2/onnx/model.onnx', 't5/onnx/decoder_model_merged.onnx', 'vit/onnx/model.onnx'];

describe.each(models)('the tree of %s', (path) => {
  it('holds every hook once', async () => {
    const { hooks } = await read(path);
    const tree = architectureTree(hooks);
    const found = tree.flatMap(hooksOf).map(({ name }) => name);
    expect(found.toSorted()).toEqual(hooks.map(({ name }) => name).toSorted());
    const blocks = found.filter((name) => name.includes('blocks.0.'));
    expect(blocks.length).toBeGreaterThan(10);
  });

  it('opens on its first block and no other', async () => {
    const tree = architectureTree((await read(path)).hooks);
    const paths = visibleRows(tree, openAtFirst(tree)).map(({ part }) => part.path);
    expect(paths.some((each) => /blocks\.0\.hook_resid_post$/.test(each))).toBe(true);
    expect(paths.some((each) => /blocks\.1\./.test(each))).toBe(false);
  });

  it('says of each row where it stands among its siblings', async () => {
    const tree = architectureTree((await read(path)).hooks);
    for (const { part, parent, position, siblings, level } of visibleRows(tree, openAtFirst(tree))) {
      const family = parent?.parts ?? tree;
      expect(family[position - 1]).toBe(part);
      expect(siblings).toBe(family.length);
      if (parent === undefined) expect(level).toBe(1);
    }
  });
});

describe.each(models)('the map of %s', (path) => {
  it('has each node below everything it reads, and every node in a place of its own', async () => {
    const map = mapGraph((await read(path)).raw());
    const places = new Set<string>();
    for (const { index, layer, lane } of map.nodes) {
      for (const from of map.before(index)) {
        expect(map.nodes[from]?.layer).toBeLessThan(layer);
        expect(map.after(from)).toContain(index);
      }
      places.add(`${layer} ${lane}`);
    }
    expect(places.size).toBe(map.nodes.length);
  });

  it('leads from every tapped hook to the node that makes its tensor', async () => {
    const model = await read(path);
    const map = mapGraph(model.raw());
    for (const { name, source } of model.hooks) {
      if (source.kind !== 'tap') continue;
      const maker = map.nodes[map.node(source.tensor) ?? -1];
      expect(maker?.node.outputs, name).toContain(source.tensor);
    }
  });

  it('is searched by operator', async () => {
    const map = mapGraph((await read(path)).raw());
    const attention = map.nodes.filter(({ node }) => node.op === 'Softmax');
    const found = search(map, 'softmax');
    for (const node of attention) expect(found).toContain(node);
    expect(search(map, 'softmax no-such-word')).toEqual([]);
    expect(search(map, ' ')).toEqual(map.nodes);
  });
});
