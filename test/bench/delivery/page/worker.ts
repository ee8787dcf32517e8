import { type Batch, openBatch } from '../../../../src/batch/batch.ts';
import type { Seat } from '../../../../src/deliver/delivery.ts';
import { maskService } from '../../../../src/mask/mask.ts';
import { measureRequest } from '../../../../src/mask/measure.ts';
import type { Masked } from '../../../../src/schema/masked.ts';
import type { RequestRecord } from '../../../../src/schema/record.ts';
import { maskedRecord } from '../../../browser/telemetry/page/record.ts';

/** `everyMs` 0: all at once. */
export type Order =
  | { readonly kind: 'open'; readonly seat: Seat }
  | { readonly kind: 'make'; readonly prefix: string; readonly count: number; readonly everyMs: number };

/** A record as the page is told of it; only an SDK that lives there needs its fields. */
export interface Made {
  readonly id: string;
  readonly at: number;
  readonly fields: Masked<RequestRecord> | undefined;
}

const { masked: service } = maskService({ name: 'shop', version: '4.2', environment: 'bench' });
let batch: Batch | undefined;

/** Records are born where the model runs, whoever delivers them. */
function make(id: string): void {
  const record = maskedRecord(id);
  batch?.add(record);
  if (service !== undefined) batch?.measure(measureRequest(record, service));
  const made: Made = { id, at: Date.now(), fields: batch === undefined ? record : undefined };
  self.postMessage(made);
}

self.onmessage = ({ data }: MessageEvent<Order>) => {
  if (data.kind === 'open') {
    if (service !== undefined) batch = openBatch({ ...data.seat, service, sampling: 'all' });
    return;
  }
  const { prefix, count, everyMs } = data;
  let next = 0;
  if (everyMs === 0) while (next < count) make(`${prefix}.${next++}`);
  else {
    const timer = setInterval(() => {
      make(`${prefix}.${next++}`);
      if (next === count) clearInterval(timer);
    }, everyMs);
  }
};
