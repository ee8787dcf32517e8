import type { Tensor } from '../shared/tensor.ts';

/** Tensors by the names of the graph's own inputs, e.g. `pixel_values` [b, c, y, x] or `input_ids` [b, p]. */
export type NamedInputs = Readonly<Record<string, Tensor>>;

/**
 * What a model is run over: a text, for models with a tokenizer; token ids; or tensors by name. Masks, positions
 * and an empty cache follow from these, and so does what a decoder reads of its encoder.
 */
export type ModelInput = string | readonly number[] | NamedInputs;

/** An input that somebody has to give. Sizes that are free keep their name. */
export interface InputPort {
  readonly name: string;
  /** ONNX element type: float, float16, int64, int32, bool, uint8, int8. */
  readonly type: string;
  readonly dims: readonly (string | number)[];
}
