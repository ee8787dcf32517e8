import type { Ledger } from '../protocol/telemetry.ts';

export const emptyLedger: Ledger = { emitted: 0, acknowledged: 0, pending: 0, dropped: {} };

/** What a worker that is gone had settled. What it had pending its successor takes over from the journal. */
export function settledPart({ acknowledged, dropped }: Ledger): Ledger {
  const lost = Object.values(dropped).reduce((sum, count) => sum + count, 0);
  return { emitted: acknowledged + lost, acknowledged, pending: 0, dropped };
}

export function sumLedgers(a: Ledger, b: Ledger): Ledger {
  const dropped: Record<string, number> = { ...a.dropped };
  for (const [reason, count] of Object.entries(b.dropped)) dropped[reason] = (dropped[reason] ?? 0) + count;
  return {
    emitted: a.emitted + b.emitted,
    acknowledged: a.acknowledged + b.acknowledged,
    pending: a.pending + b.pending,
    dropped,
  };
}
