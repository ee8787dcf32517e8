import type { Instrumented, Port } from '../instrument/instrumented.ts';
import { idTensor, type ModelInputs } from '../run/feeds.ts';
import { mulberry32 } from '../shared/random.ts';
import { elementCount, type FloatTensor, type Tensor, type TensorData } from '../shared/tensor.ts';
import { rowsFor } from './linear.ts';

/** A `config.json` as it is: what an input's free sizes are is said nowhere else. */
export type Config = { readonly [key: string]: unknown };

const length = 20;
/** So many inputs tell a bias from a product, and one head's channels from each other. */
const fewest = 8;
const sampleRate = 16_000;
/** Padding, start, end and other special tokens have the lowest ids; some models treat them apart. */
const firstId = 5;

/** The first of these keys that holds a number, in the config or in the part of it for text, images or sound. */
function numberIn(config: Config, keys: readonly string[]): number | undefined {
  const parts = [config, config.text_config, config.vision_config, config.audio_config];
  for (const part of parts)
    for (const key of keys) {
      const value = typeof part === 'object' && part !== null ? (part as Config)[key] : undefined;
      if (typeof value === 'number' && value > 0) return value;
      if (Array.isArray(value) && typeof value[0] === 'number') return value[0];
    }
  return undefined;
}

/** Inputs of the batch: enough rows to tell linear maps from others, where the model is small enough for that. */
function batchOf({ anatomy, hooks, inputs }: Instrumented): number {
  const fixed = inputs.map(({ dims }) => dims[0]).find((size) => typeof size === 'number');
  if (typeof fixed === 'number') return fixed;
  const hidden = hooks.find(({ name }) => name.endsWith('mlp.hook_post'))?.dims.at(-1);
  const wide = typeof hidden === 'number' ? rowsFor(hidden) : undefined;
  const rows = wide ?? rowsFor(anatomy.dModel);
  return rows === undefined ? fewest : Math.min(24, Math.max(fewest, Math.ceil(rows / length)));
}

/**
 * Seeded inputs that any model of the declared ports takes: ids below the vocabulary (the second row is the first
 * one shuffled, so that an embedding can be seen to follow its token), noise for images, sound and states.
 * What else a graph wants (masks, positions, an empty cache) follows from these.
 * @param given what is known already, such as the encoder's states
 * @param rows inputs of the batch; by default as many as a proof needs
 */
export function probeInputs(
  model: Instrumented,
  config: Config,
  given: ModelInputs,
  rows = batchOf(model),
): ModelInputs {
  const random = mulberry32(1);
  const batch = Object.values(given)[0]?.dims[0] ?? rows;
  const context = numberIn(config, ['max_position_embeddings', 'n_positions', 'n_ctx']) ?? length;
  const vocabulary = numberIn(config, ['vocab_size']) ?? 100;
  const tokens = Math.min(length, Math.max(2, context - 4), Math.max(2, vocabulary - firstId));
  const inputs: Record<string, Tensor> = {};
  for (const port of model.inputs) {
    const known = given[port.name];
    if (known !== undefined) inputs[port.name] = known;
    else if (/(^|_)(input_)?ids$/.test(port.name) && !/position|type|segment/.test(port.name))
      inputs[port.name] = ids(random, batch, numericOf(port, 1) ?? tokens, vocabulary);
    else if (isState(port)) inputs[port.name] = noise(random, sizesOf(port, config, batch, tokens));
  }
  return inputs;
}

/**
 * WebGPU programs of a matrix product differ for up to eight rows and for more. A prompt has more: with as many here, a
 * load compiles what the first prompt runs, and compares that.
 */
const shortLength = 9;

/**
 * The least that runs a graph once: a few tokens; where it reads no tokens, one row of made-up inputs.
 * @param states what a decoder reads of its encoder
 */
export function shortProbe(model: Instrumented, config: Config, states?: FloatTensor): ModelInputs {
  if (states !== undefined) return probeInputs(model, config, { encoder_hidden_states: states }, 1);
  const ofTokens = model.inputs.some(({ name }) => name === 'input_ids');
  return ofTokens
    ? { input_ids: idTensor([Array.from({ length: shortLength }, (_, at) => at + 1)]) }
    : probeInputs(model, config, {}, 1);
}

const numericOf = ({ dims }: Port, axis: number): number | undefined => {
  const size = dims[axis];
  return typeof size === 'number' ? size : undefined;
};

/** Images, sound, embeddings, states: numbers that come from outside. The cache is none of them. */
const isState = ({ name, type, dims }: Port): boolean =>
  (type === 'float' || type === 'float16') && dims.length >= 2 && !/^past|mask/.test(name);

function ids(random: () => number, batch: number, count: number, vocabulary: number): Tensor {
  const first = Math.min(firstId, Math.max(0, vocabulary - count));
  const span = vocabulary - first;
  const rows: bigint[][] = [];
  for (let row = 0; row < batch; row++) {
    const drawn = new Set<number>();
    while (drawn.size < Math.min(count, span)) drawn.add(first + Math.floor(random() * span));
    rows.push(Array.from({ length: count }, (_, at) => BigInt([...drawn][at % drawn.size] ?? first)));
  }
  const [top, second] = rows;
  if (top !== undefined && second !== undefined) rows[1] = [...top.slice(3), ...top.slice(0, 3)].reverse();
  return { type: 'int64', dims: [batch, count], data: BigInt64Array.from(rows.flat()) };
}

export function noise(random: () => number, dims: readonly number[]): FloatTensor {
  // The sum of four uniform numbers, centred: near enough to a normal one.
  const draw = (): number => random() + random() + random() + random() - 2;
  return { type: 'float32', dims, data: Float32Array.from({ length: elementCount(dims) }, draw) };
}

/** What the free sizes of a port are: its config says it, for images and sound. */
function sizesOf({ name, dims }: Port, config: Config, batch: number, tokens: number): readonly number[] {
  const image = numberIn(config, ['image_size', 'input_size']) ?? 224;
  const hidden = numberIn(config, ['hidden_size', 'd_model', 'n_embd', 'dim']) ?? 64;
  const bins = numberIn(config, ['num_mel_bins', 'feature_size', 'input_feat_per_channel']) ?? 80;
  const positions = numberIn(config, ['max_source_positions', 'max_length']);
  const free: Readonly<Record<string, readonly number[]>> = {
    pixel_values: [batch, numberIn(config, ['num_channels', 'in_channels']) ?? 3, image, image],
    input_features: [batch, bins, positions === undefined ? 3_000 : positions * 2],
    input_values: dims.length === 3 ? [batch, positions ?? 1_024, bins] : [batch, sampleRate / 2],
  };
  const known = free[name];
  return dims.map((size, axis) => {
    if (typeof size === 'number') return size;
    const fitting = known?.length === dims.length ? known[axis] : undefined;
    if (fitting !== undefined) return fitting;
    if (axis === 0) return batch;
    return axis === dims.length - 1 ? hidden : tokens;
  });
}

/** Other inputs of the same shape: the rows of the batch in reverse, the ids alone where there are any. */
export function reversed(inputs: ModelInputs): ModelInputs | undefined {
  const names = 'input_ids' in inputs ? ['input_ids'] : Object.keys(inputs);
  const turned: Record<string, Tensor> = { ...inputs };
  for (const name of names) {
    const tensor = inputs[name];
    if (tensor === undefined || (tensor.dims[0] ?? 1) < 2) return undefined;
    turned[name] = { ...tensor, data: rowsReversed(tensor) };
  }
  return turned;
}

export function rowsReversed<Data extends TensorData>({ dims, data }: Tensor<Data>): Data {
  const [batch = 1] = dims;
  const size = data.length / batch;
  const turned = data.slice() as Data;
  for (let at = 0; at < data.length; at++)
    turned[at] = data[(batch - 1 - Math.floor(at / size)) * size + (at % size)] as Data[number];
  return turned;
}
