import type { Account, Ledger } from '../protocol/telemetry.ts';

const emptyAccount: Account = { emitted: 0, acknowledged: 0, pending: 0, dropped: {} };
export const emptyLedger: Ledger = { ...emptyAccount, metrics: emptyAccount };

function settledIn({ acknowledged, dropped }: Account): Account {
  const lost = Object.values(dropped).reduce((sum, count) => sum + count, 0);
  return { emitted: acknowledged + lost, acknowledged, pending: 0, dropped };
}

function sum(a: Account, b: Account): Account {
  const dropped: Record<string, number> = { ...a.dropped };
  for (const [reason, count] of Object.entries(b.dropped)) dropped[reason] = (dropped[reason] ?? 0) + count;
  return {
    emitted: a.emitted + b.emitted,
    acknowledged: a.acknowledged + b.acknowledged,
    pending: a.pending + b.pending,
    dropped,
  };
}

/** What a worker that is gone had settled. What it had pending its successor takes over from the journal. */
export const settledPart = (ledger: Ledger): Ledger => ({
  ...settledIn(ledger),
  metrics: settledIn(ledger.metrics),
});

export const sumLedgers = (a: Ledger, b: Ledger): Ledger => ({
  ...sum(a, b),
  metrics: sum(a.metrics, b.metrics),
});
