import { graphFiles } from '../load/graph-file.ts';
import type { ModelSource } from '../load/source.ts';
import type { Dtype } from '../protocol/device.ts';
import type { Mount } from './serve.ts';

/** Any model as a folder that a page can load. A single ONNX file becomes one under the name that its dtype has there. */
export function sourceMount(source: ModelSource, dtype: Dtype): Mount {
  const { graph, ...folder } = source;
  if (graph === undefined) return source;
  const [alias] = graphFiles(folder, dtype, 'model');
  const own = graph.split('/').slice(0, -1);
  const at = (path: string): string => {
    if (path === alias?.path) return graph;
    return path.startsWith('onnx/') ? [...own, path.slice('onnx/'.length)].join('/') : path;
  };
  const nothingSaid = new TextEncoder().encode('{}');
  return {
    read: async (path) => (await source.read(at(path))) ?? (path === 'config.json' ? nothingSaid : undefined),
  };
}
