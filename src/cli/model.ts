import { homedir } from 'node:os';
import { join } from 'node:path';
import { publicHub } from '../load/address.ts';
import { findSource } from '../load/find.node.ts';
import type { ModelSource } from '../load/source.ts';
import type { Dtype } from '../protocol/device.ts';
import { defaultDtype } from '../run/open.node.ts';
import { SondeError } from '../shared/errors.ts';
import { dtypeOf, onlyModel } from './arguments.ts';

/** Options of every command that takes a model. */
export const modelOptions = {
  dtype: { type: 'string' },
  hub: { type: 'string' },
  cache: { type: 'string' },
} as const;

type ModelValues = { readonly [Option in keyof typeof modelOptions]?: string | undefined };

/** A model that was named on the command line. */
export interface NamedModel {
  readonly source: ModelSource;
  /** As asked for, else the first that there is. */
  readonly dtype: Dtype;
}

/**
 * The source of what was named. HF_ENDPOINT is where the hub's own tools look for its address too.
 * @throws SondeError `invalid_argument` | `model_not_found`
 */
export function namedSource(
  positionals: readonly string[],
  { hub, cache }: ModelValues,
): Promise<ModelSource> {
  const { HF_ENDPOINT: endpoint, SONDE_CACHE: folder, XDG_CACHE_HOME: home } = process.env;
  const address = hub ?? (endpoint || publicHub);
  if (!URL.canParse(address))
    throw new SondeError(
      'invalid_argument',
      `${address} is no URL of a hub.`,
      `For example: --hub ${publicHub}`,
    );
  return findSource(onlyModel(positionals), {
    hub: address,
    cache: cache ?? (folder || join(home || join(homedir(), '.cache'), 'sonde')),
  });
}

/** @throws SondeError `invalid_argument` | `model_not_found` | `network` */
export async function namedModel(positionals: readonly string[], values: ModelValues): Promise<NamedModel> {
  const asked = values.dtype === undefined ? undefined : dtypeOf(values.dtype);
  const source = await namedSource(positionals, values);
  return { source, dtype: asked ?? (await defaultDtype(source)) };
}
