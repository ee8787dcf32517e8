import {
  type DataType,
  env,
  type PipelineType,
  type PreTrainedModel,
  pipeline,
} from '@huggingface/transformers';

env.allowRemoteModels = false;
env.allowLocalModels = true;
env.localModelPath = '/test/';
env.useBrowserCache = false;
// Vite answers for a file that is not there with a page.
env.fetch = async (input: URL | RequestInfo, init?: RequestInit) => {
  const response = await fetch(input, init);
  return response.headers.get('content-type')?.startsWith('text/html')
    ? new Response(null, { status: 404 })
    : response;
};
// Else transformers.js fetches the runtime from a CDN.
if (env.backends.onnx.wasm !== undefined) delete env.backends.onnx.wasm.wasmPaths;

export { env };

/** Each pipeline is called in its own way. */
export type Pipe = ((...call: unknown[]) => Promise<unknown>) & {
  readonly model: PreTrainedModel;
  dispose(): Promise<unknown>;
};

export async function open(
  task: PipelineType,
  model: string,
  device: 'wasm' | 'webgpu' = 'wasm',
  dtype: DataType = 'fp32',
): Promise<Pipe> {
  return (await pipeline(task, model, { dtype, device })) as unknown as Pipe;
}

interface Tensor {
  readonly dims: readonly number[];
  readonly data: ArrayLike<number | bigint>;
  readonly location: string;
}

/** One run of one session as the application sees it: what it fed, what it got, copied. */
export interface SeenRun {
  readonly ids: readonly number[];
  readonly outputs: Readonly<Record<string, { readonly dims: readonly number[]; readonly data: number[] }>>;
}

/** Records what a pipeline's sessions give, as the library itself gets it, in the order of the runs. */
export function watch({ model }: Pipe): SeenRun[] {
  const seen: SeenRun[] = [];
  for (const session of Object.values(model.sessions)) {
    const run = session.run.bind(session) as (
      feeds: Record<string, Tensor>,
    ) => Promise<Record<string, Tensor>>;
    session.run = async (feeds: Record<string, Tensor>) => {
      const ids = Array.from(feeds.input_ids?.data ?? [], Number);
      const outputs = await run(feeds);
      const read = Object.entries(outputs).filter(([, { location }]) => location === 'cpu');
      const copies = read.map(
        ([name, { dims, data }]) => [name, { dims: [...dims], data: Array.from(data, Number) }] as const,
      );
      seen.push({ ids, outputs: Object.fromEntries(copies) });
      return outputs;
    };
  }
  return seen;
}

/** softmax and what follows from it, straight from the definitions, in float64. */
export function expectedRow(logits: readonly number[]) {
  const largest = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - largest));
  const sum = weights.reduce((a, b) => a + b);
  const probabilities = weights.map((weight) => weight / sum);
  const sorted = [...probabilities].sort((a, b) => b - a);
  return {
    probabilities,
    entropy: -probabilities.reduce((total, p) => (p > 0 ? total + p * Math.log(p) : total), 0),
    margin: (sorted[0] ?? 0) - (sorted[1] ?? 0),
  };
}
