import type { HelloOptions, RecordListener } from '../protocol/inspector.ts';
import type { RequestRecord } from '../schema/record.ts';

/** The worker's end of the record line: mask, then batch. */
export interface Pipe {
  granted(): boolean;
  record(record: RequestRecord): void;
}

/** Without telemetry options nothing is masked, stored or sent. */
export const silentPipe: Pipe = { granted: () => false, record: () => undefined };

export async function openPipe(
  _port: MessagePort,
  _options: NonNullable<HelloOptions['telemetry']>,
  _onRecord: RecordListener,
): Promise<Pipe> {
  return silentPipe;
}
