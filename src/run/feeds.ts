import type { Instrumented, Port } from '../instrument/instrumented.ts';
import { SondeError } from '../shared/errors.ts';
import { elementCount, type Tensor, type TensorType } from '../shared/tensor.ts';
import { asType } from './convert.ts';
import type { Ort, OrtTensor } from './runtime.ts';
import type { Feeds } from './sessions.ts';

/** What a caller gives by the model's own input names, e.g. input_ids [b, p] or pixel_values [b, c, y, x]. */
export type ModelInputs = Readonly<Record<string, Tensor>>;

export const idTensor = (rows: readonly (readonly number[])[]): Tensor<BigInt64Array> => ({
  type: 'int64',
  dims: [rows.length, rows[0]?.length ?? 0],
  data: BigInt64Array.from(rows.flat(), BigInt),
});

/** Inputs that follow from others: nobody has to give them. */
export const derivedInputs: ReadonlySet<string> = new Set([
  'attention_mask',
  'encoder_attention_mask',
  'cache_position',
  'position_ids',
  'token_type_ids',
  'use_cache_branch',
]);

/**
 * What a decoder reads beside its own tokens: the encoder's states [b, n, d] and mask. Its ids, where a caller gave
 * them as `decoder_input_ids`, are the decoder graph's `input_ids`.
 */
export function decoderInputs(inputs: ModelInputs, states?: Tensor): ModelInputs {
  const {
    decoder_input_ids,
    decoder_attention_mask,
    attention_mask,
    input_ids: _encoderIds,
    ...others
  } = inputs;
  return {
    ...others,
    ...(states === undefined ? {} : { encoder_hidden_states: states }),
    ...(attention_mask === undefined ? {} : { encoder_attention_mask: attention_mask }),
    ...(decoder_input_ids === undefined ? {} : { input_ids: decoder_input_ids }),
    ...(decoder_attention_mask === undefined ? {} : { attention_mask: decoder_attention_mask }),
  };
}

/**
 * Every input of the graph: the given ones, those the runtime holds already (the cache, an encoder's states), and
 * what follows from them (a mask of ones over past and present, positions counted along the mask, zero token types,
 * the branch of a merged decoder). onnxruntime wants all of them in every run.
 * @param held tensors by input name, fed as they are
 * @throws SondeError `graph_unsupported` for an input that is neither given nor known
 */
export function completeFeeds(ort: Ort, model: Instrumented, given: ModelInputs, held: Feeds = {}): Feeds {
  const feeds: Feeds = {};
  const ids = given.input_ids ?? given.decoder_input_ids;
  const batch = (ids ?? Object.values(given)[0])?.dims[0] ?? 1;
  const length = ids?.dims[1] ?? 0;
  const pastLength = held[model.anatomy.cache[0]?.past ?? '']?.dims.at(-2) ?? 0;
  const facts: Facts = {
    batch,
    length,
    hasPast: pastLength > 0,
    states: (held.encoder_hidden_states ?? given.encoder_hidden_states)?.dims[1] ?? length,
    mask: given.attention_mask ?? filled('int64', [batch, pastLength + length], 1),
  };
  const slots = new Map(model.anatomy.cache.map((slot) => [slot.past, slot]));
  for (const port of model.inputs) {
    const value = given[port.name];
    const ready = held[port.name];
    const slot = slots.get(port.name);
    if (ready !== undefined && slot !== undefined && isPreallocated(slot)) throw noPlace(port.name);
    if (ready !== undefined) feeds[port.name] = ready;
    else if (value !== undefined) feeds[port.name] = toOrt(ort, asType(value, port.type));
    else if (slot !== undefined) feeds[port.name] = emptyPast(ort, slot, batch);
    else feeds[port.name] = toOrt(ort, asType(derived(port, facts), port.type));
  }
  return feeds;
}

interface Facts {
  readonly batch: number;
  /** Tokens of this run. */
  readonly length: number;
  readonly hasPast: boolean;
  /** Positions of the encoder. */
  readonly states: number;
  readonly mask: Tensor;
}

function derived(port: Port, { batch, length, hasPast, states, mask }: Facts): Tensor {
  switch (port.name) {
    case 'attention_mask':
      return mask;
    case 'encoder_attention_mask':
      return filled('int64', [batch, states], 1);
    case 'cache_position':
      return { type: 'int64', dims: [length], data: BigInt64Array.from({ length }, (_, at) => BigInt(at)) };
    case 'position_ids':
      return positions(mask, batch, length);
    case 'token_type_ids':
      return filled('int64', [batch, length], 0);
    case 'use_cache_branch':
      return { type: 'bool', dims: [1], data: Uint8Array.of(Number(hasPast)) };
    default:
      throw new SondeError(
        'graph_unsupported',
        `The model wants an input named ${port.name}, which Sonde does not know how to make.`,
        'Pass it by name, or open an issue with the model id.',
      );
  }
}

/** Positions of the last `length` tokens of each row, counted over the tokens that are not padding. */
function positions(mask: Tensor, batch: number, length: number): Tensor {
  const whole = mask.dims[1] ?? length;
  const data = new BigInt64Array(batch * length);
  for (let row = 0; row < batch; row++) {
    let position = 0n;
    for (let column = 0; column < whole; column++) {
      const kept = Number(mask.data[row * whole + column]) !== 0;
      const target = column - (whole - length);
      if (target >= 0) data[row * length + target] = kept ? position : 1n;
      if (kept) position++;
    }
  }
  return { type: 'int64', dims: [batch, length], data };
}

function filled(type: 'int64', dims: readonly number[], value: number): Tensor {
  return { type, dims, data: new BigInt64Array(elementCount(dims)).fill(BigInt(value)) };
}

/** A cache of a fixed number of places, into which each run writes its own rows. */
const isPreallocated = ({ dims }: { readonly dims: readonly (string | number)[] }): boolean =>
  typeof dims.at(-2) === 'number';

const noPlace = (input: string): SondeError =>
  new SondeError(
    'graph_unsupported',
    `The cache ${input} has a fixed number of places, and Sonde does not write further rows into it.`,
    'Look inside whole texts, or export the model with a growing cache to generate.',
  );

function emptyPast(
  ort: Ort,
  slot: { type: string; dims: readonly (string | number)[] },
  batch: number,
): OrtTensor {
  // [batch, kvHeads, 0, dHead]: the first free axis is the batch, any other the empty past; a preallocated one is zeros.
  const dims = slot.dims.map((size, axis) =>
    typeof size === 'number' && axis > 0 ? size : axis === 0 ? batch : 0,
  );
  const count = elementCount(dims);
  return slot.type === 'float16'
    ? new ort.Tensor('float16', new Uint16Array(count), dims)
    : new ort.Tensor('float32', new Float32Array(count), dims);
}

const toOrt = (ort: Ort, { type, data, dims }: Tensor): OrtTensor =>
  new ort.Tensor(type as Exclude<TensorType, 'string'>, data, [...dims]);
