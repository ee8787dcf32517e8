import { randomBytes } from 'node:crypto';
import { maskRecord, maskService } from '../../../src/mask/mask.ts';
import type { ChunkIdentity } from '../../../src/schema/fields.ts';
import type { Masked } from '../../../src/schema/masked.ts';
import { type ExportLogsServiceRequest, encodeLogs } from '../../../src/schema/otlp.ts';
import type { RequestRecord } from '../../../src/schema/record.ts';
import { sampleRecord } from '../schema/sample.ts';

export const newSession = (): string => randomBytes(16).toString('hex');

export function maskedRecord(overrides: Partial<RequestRecord> = {}): Masked<RequestRecord> {
  const { masked } = maskRecord(sampleRecord(overrides));
  if (masked === undefined) throw new Error('the sample record should pass the mask');
  return masked;
}

export function chunkOf(
  chunk: ChunkIdentity,
  records: readonly Masked<RequestRecord>[],
): ExportLogsServiceRequest {
  const { masked } = maskService({ name: 'shop', version: '4.2', environment: 'test' });
  if (masked === undefined) throw new Error('the sample service should pass the mask');
  return encodeLogs({ service: masked, chunk }, records);
}

/** `count` records numbered from `seq` on. */
export function makeChunk(session: string, seq: number, count: number) {
  const records = Array.from({ length: count }, () => maskedRecord());
  const body = JSON.stringify(chunkOf({ session, epoch: 0, seq }, records));
  return { records, body };
}
