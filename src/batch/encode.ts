import type { Frame } from '../protocol/frame.ts';
import { chunkFields } from '../schema/fields.ts';
import type { Masked } from '../schema/masked.ts';
import type { Measurement } from '../schema/metrics.ts';
import { type ExportLogsServiceRequest, encodeLogs, encodeOutcome } from '../schema/otlp.ts';
import type { OutcomeRecord, RequestRecord, ServiceIdentity } from '../schema/record.ts';
import type { PageLife } from './messages.ts';

export interface Encoded {
  readonly frame: Frame;
  readonly text: string;
}

const records = '"logRecords":[';
const number = `{"key":"${chunkFields.seq.wire}","value":{"intValue":"`;

/**
 * One record as text, and the frame it stands in. Encoded once, when it is made: sealing, the page's exit
 * and the next visit only join texts.
 */
export const encode = (
  service: Masked<ServiceIdentity>,
  { session, epoch }: PageLife,
  record: Masked<RequestRecord>,
): Encoded => framed(encodeLogs({ service, chunk: { session, epoch, seq: 0 } }, [record]));

export const encodeReported = (
  service: Masked<ServiceIdentity>,
  { session, epoch }: PageLife,
  outcome: Masked<OutcomeRecord>,
): Encoded => framed(encodeOutcome({ service, chunk: { session, epoch, seq: 0 } }, outcome));

/** A measurement is added up with others before it is OTLP. */
export const encodeMeasurement = (
  service: Masked<ServiceIdentity>,
  measurement: Masked<Measurement>,
): Encoded => ({
  frame: { head: JSON.stringify(service), middle: '', tail: '' },
  text: JSON.stringify(measurement),
});

function framed(logs: ExportLogsServiceRequest): Encoded {
  const request = JSON.stringify(logs);
  // A quote inside a JSON string is escaped, so neither mark can occur in a value.
  const body = request.slice('{"resourceLogs":['.length, -']}'.length);
  const cut = body.indexOf(number) + number.length;
  const start = body.indexOf(records) + records.length;
  const end = body.lastIndexOf(']}]}');
  return {
    frame: { head: body.slice(0, cut), middle: body.slice(cut + 1, start), tail: body.slice(end) },
    text: body.slice(start, end),
  };
}
