import { existsSync } from 'node:fs';
import type { Registry } from 'prom-client';
import { SegmentLog } from '../log.ts';
import { foreignFolder } from './folder.ts';
import { follow } from './follow.ts';
import { createForeignIngest } from './ingest.ts';

export interface ForeignOptions {
  readonly data: string;
  readonly segmentBytes?: number;
  readonly maxBytes?: number;
  readonly foreignAttributes?: readonly string[];
}

/**
 * The log of other SDKs' records: more comes where a list says what is kept, what is there can be erased without one.
 * @param own the log of Sonde's records, in the same data folder
 */
export async function openForeign(
  { data, segmentBytes, maxBytes, foreignAttributes = [] }: ForeignOptions,
  own: SegmentLog,
  keys: ReadonlySet<string>,
  registry: Registry,
) {
  const isListed = foreignAttributes.length > 0;
  const folder = foreignFolder(data);
  if (!isListed && !existsSync(folder)) return undefined;
  const { log } = await SegmentLog.open(folder, () => undefined, { segmentBytes, maxBytes });
  await follow(own, log);
  await log.sweep();
  const parts = { log, listed: new Set(foreignAttributes), keys, registry };
  return { log, ingest: isListed ? createForeignIngest(parts) : undefined };
}
