import { describe, expect, it } from 'vitest';
import { encodeReported } from '../../../src/batch/encode.ts';
import { maskOutcome, maskService } from '../../../src/mask/mask.ts';
import { validateLogs } from '../../../src/schema/receive.ts';
import type { OutcomeRecord } from '../../../src/schema/record.ts';
import { epochMilliseconds } from '../../../src/shared/units.ts';
import { uuid7 } from './sample.ts';

const outcome = (more: Partial<OutcomeRecord> = {}): OutcomeRecord => ({
  recordId: uuid7(1_764_000_000_000),
  requestId: 'order-17',
  reportedAt: epochMilliseconds(1_764_000_100_000),
  cohort: 'beta',
  predicted: 'POSITIVE',
  label: 'NEGATIVE',
  value: -12.345,
  cost: 0.1,
  unsafe: false,
  tags: 'refund,late',
  ...more,
});
const { masked: service } = maskService({ name: 'shop' });

/** As the page writes it and the collector reads it. */
function sent(record: OutcomeRecord) {
  const { masked } = maskOutcome(record);
  if (masked === undefined || service === undefined) return undefined;
  const { frame, text } = encodeReported(service, { session: 'a'.repeat(32), epoch: 0 }, masked);
  const body = `{"resourceLogs":[${frame.head}7${frame.middle}${text}${frame.tail}]}`;
  const read = validateLogs(JSON.parse(body));
  return read.kind === 'logs' ? { chunk: read.chunks[0], body } : read;
}

describe('the outcome of a request', () => {
  it('arrives as it was told, amounts in hundredths', () => {
    const record = outcome();
    expect(sent(record)).toMatchObject({
      chunk: { chunk: { seq: 7 }, verdicts: [{ outcome: { ...record, value: -12.34 } }] },
    });
  });

  it('leaves out what is personal, and counts it', () => {
    const { masked, dropped } = maskOutcome(
      outcome({ label: 'jane@example.com', tags: 'ok,4111111111111111' }),
    );
    expect(dropped).toEqual({ label: 1, tags: 1 });
    expect(masked).not.toHaveProperty('label');
    expect(maskOutcome(outcome({ requestId: '+49 151 23456789' })).masked).toBeUndefined();
  });

  it('is refused by the collector with a field that no schema names', () => {
    const good = sent(outcome());
    const body = 'body' in (good ?? {}) ? (good as { body: string }).body : '';
    const read = validateLogs(JSON.parse(body.replaceAll('sonde.outcome.label', 'sonde.outcome.note')));
    expect(read).toMatchObject({ chunks: [{ verdicts: [{ reject: 'unknown_field' }] }] });
  });
});
