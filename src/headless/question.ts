import type { Dtype } from '../protocol/device.ts';
import type { TensorType } from '../shared/tensor.ts';

/** A tensor as JSON; whole numbers beyond 2^53 do not occur in inputs. */
export interface PageTensor {
  readonly type: TensorType;
  readonly dims: readonly number[];
  readonly values: readonly number[];
}

/** One forward: a text, or tensors by input name, and the hooks wanted of it. */
export interface PageForward {
  readonly input: string | Readonly<Record<string, PageTensor>>;
  readonly patterns: readonly string[];
}

/** What the command line asks of the page. */
export interface PageQuestion {
  readonly model: string;
  readonly dtype: Dtype;
  readonly forwards: readonly PageForward[];
}

/** Plain JSON, because that is what crosses from the browser to the command line. */
export interface PageLook {
  readonly device: string;
  readonly tokens: readonly number[];
  readonly tensors: readonly {
    readonly name: string;
    readonly dims: readonly number[];
    readonly base64: string;
  }[];
}
