import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { entryOf, surroundings, uncalled } from '../../../src/cli/entry.ts';
import { capture, classify } from '../../../src/inspect/answers.ts';
import type { Beside } from '../../../src/inspect/drift.ts';
import type { ModelEntry } from '../../../src/inspect/model-entry.ts';
import { sketchOf } from '../../../src/observe/drift/sketch.ts';
import type { CaptureStore } from '../../../src/run/capture.ts';
import { openNodeParts } from '../../../src/run/open.node.ts';
import type { FullRecord } from '../../../src/schema/record.ts';
import type { FloatTensor } from '../../../src/shared/tensor.ts';

it("a classification gives the baseline's hook to drift, the same as a capture of it, and nothing where there is none", async () => {
  const opened = await openNodeParts(
    fileURLToPath(new URL('../../../public/models/sentiment', import.meta.url)),
  );
  const entry = await entryOf(opened, 'fp32');
  const text = 'a gorgeous , witty film';
  const hook = 'blocks.1.hook_resid_post';
  const ask = async (embedding: string | undefined) => {
    let seen: readonly number[] | undefined;
    let named: Beside['features'];
    const records: FullRecord[] = [];
    const state = { window: 0, seen: 0, falseAlarms: 0 };
    const see = (_record: unknown, beside: Beside = {}): boolean => {
      seen = beside.embedding;
      named = beside.features;
      return false;
    };
    const watched: ModelEntry = { ...entry, drift: { embedding, state, see } };
    const { confidence } = await classify(
      watched,
      surroundings((record) => records.push(record)),
      { ...uncalled, text },
      { features: { price: 3 } },
    );
    expect(named).toEqual({ price: 3 });
    expect(JSON.stringify(records)).not.toContain('price');
    return { seen, confidence, captured: records[0]?.hooksCaptured };
  };
  const plain = await ask(undefined);
  expect(plain).toMatchObject({ seen: undefined, captured: 0 });
  expect(await ask('blocks.99.hook_resid_post')).toEqual(plain);
  let value: Promise<FloatTensor> | undefined;
  const keep = (store: CaptureStore): number => {
    value = store.read(hook).finally(() => store.dispose());
    return 0;
  };
  await capture(entry, { ...surroundings(() => undefined), keep }, { ...uncalled, input: text }, [hook], {});
  const tensor = await value;
  if (tensor === undefined) throw new Error('The hook was captured.');
  const tapped = await ask(hook);
  expect(tapped).toEqual({ seen: sketchOf(tensor), confidence: plain.confidence, captured: 1 });
  await opened.dispose();
});
