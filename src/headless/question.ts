import type { Dtype } from '../protocol/device.ts';

/** What the command line asks of the page. */
export interface PageQuestion {
  readonly model: string;
  readonly text: string;
  readonly patterns: readonly string[];
  readonly dtype: Dtype;
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
