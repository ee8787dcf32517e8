import { idTensor } from '../run/feeds.ts';
import { forward } from '../run/model.ts';
import { openNodeModel } from '../run/open.node.ts';
import { taskOf } from '../run/task.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import type { Look, Question } from './look.ts';

/** Runs in this process, on onnxruntime's WASM provider. */
export async function lookOnWasm({ folder, text, patterns, dtype }: Question): Promise<Look> {
  const opened = await openNodeModel(folder, dtype);
  try {
    const hooks = opened.model.instrumented.resolve(patterns);
    const { config } = opened.folder;
    const kept = taskOf(config, opened.model.instrumented) === 'text-generation' ? 'end' : 'start';
    const { ids } = opened.tokenizer().encode(text, config.context, kept);
    const { capture } = await forward(opened.model, { input_ids: idTensor([ids]) }, hooks);
    const tensors = new Map<string, FloatTensor>();
    for (const hook of hooks) tensors.set(hook, await capture.read(hook));
    capture.dispose();
    return { model: opened.folder.source.id, device: 'wasm', tokens: ids, tensors };
  } finally {
    await opened.dispose();
  }
}
