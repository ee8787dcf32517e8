import { expect, it } from 'vitest';
import { folderSource } from '../../../src/load/folder.node.ts';
import { loadFolder } from '../../../src/load/load.ts';
import { loadParts } from '../../../src/run/load-parts.ts';
import { openModel } from '../../../src/run/model.ts';
import { startRuntime } from '../../../src/run/runtime.node.ts';
import { emptyPlan } from '../../../src/shared/plan.ts';

it('a runtime whose wasm is not there is told as that by every session, not as an earlier failure', async () => {
  const runtime = startRuntime({ threads: 1, wasmPaths: 'file:///nowhere/' });
  await expect(runtime.start()).rejects.toThrow(/nowhere/);
  const source = folderSource('test/zoo/gpt2');
  const [part] = (await loadParts(source, 'fp32', {})) ?? [];
  if (part === undefined) throw new RangeError('no graph');
  const { sessions } = await openModel(runtime, await loadFolder(source, {}), part.weights, undefined);
  for (const _again of [1, 2])
    await expect(sessions.open(emptyPlan)).rejects.toMatchObject({
      code: 'run_failed',
      message: expect.stringContaining('nowhere'),
    });
});
