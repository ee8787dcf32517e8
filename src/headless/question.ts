import type { Dtype } from '../protocol/device.ts';
import type { InputPort } from '../protocol/input.ts';
import type { TensorType } from '../shared/tensor.ts';

/** What crosses between the browser and the command line is plain JSON: bytes are base64. */
export interface PageTensor {
  readonly type: TensorType;
  readonly dims: readonly number[];
  readonly base64: string;
}

/** A model that the page shall open, by the URL of its folder. */
export interface PageModel {
  readonly url: string;
  readonly dtype: Dtype;
}

export interface PageOpened {
  /** With the adapter. */
  readonly device: string;
  readonly inputs: readonly InputPort[];
}

export interface PageQuestion {
  readonly inputs: Readonly<Record<string, PageTensor>>;
  readonly patterns: readonly string[];
}
