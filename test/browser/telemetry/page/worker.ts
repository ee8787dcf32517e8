import { type Batch, openBatch } from '../../../../src/batch/batch.ts';
import type { Seat } from '../../../../src/deliver/delivery.ts';
import { maskService } from '../../../../src/mask/mask.ts';
import { measureRequest } from '../../../../src/mask/measure.ts';
import type { Outcome } from '../../../../src/schema/record.ts';
import { maskedRecord } from './record.ts';

export type Order =
  | { readonly kind: 'open'; readonly seat: Seat }
  | { readonly kind: 'emit'; readonly ids: readonly string[]; readonly outcome: Outcome }
  /** Requests of which only every tenth is sampled, and every twentieth is not looked into. */
  | { readonly kind: 'serve'; readonly ids: readonly string[]; readonly outcome: Outcome }
  | { readonly kind: 'fail' };

const { masked: service } = maskService({ name: 'shop', version: '4.2', environment: 'test' });
let batch: Batch | undefined;

self.onmessage = ({ data }: MessageEvent<Order>) => {
  switch (data.kind) {
    case 'open':
      if (service !== undefined) batch = openBatch({ ...data.seat, service, sampling: 'all' });
      break;
    case 'emit':
      for (const id of data.ids) batch?.add(maskedRecord(id, data.outcome));
      self.postMessage(data.ids.length);
      break;
    case 'serve':
      for (const [index, id] of data.ids.entries()) {
        const record = maskedRecord(id, data.outcome, undefined, index % 20 === 0 ? 0 : 4);
        if (service !== undefined) batch?.measure(measureRequest(record, service));
        if (index % 10 === 0) batch?.add(record);
      }
      self.postMessage(data.ids.length);
      break;
    case 'fail':
      self.close();
  }
};
