import type { FaultServer } from './server.ts';
import type { Visitor } from './visitor.ts';

export interface Share {
  readonly of: number;
  readonly stored: number;
}

/** What became of the records of one SDK, or of the requests that its metrics count. */
export interface Tally {
  /** More than 250 ms old when their page or worker ended. */
  readonly older: Share;
  /** Made in the last second. */
  readonly last: Share;
  /** Times that a record was stored which already was. */
  readonly again: number;
}

const none: Share = { of: 0, stored: 0 };
export const emptyTally: Tally = { older: none, last: none, again: 0 };

export const sumShares = (a: Share, b: Share): Share => ({ of: a.of + b.of, stored: a.stored + b.stored });

export const sumTallies = (a: Tally, b: Tally): Tally => ({
  older: sumShares(a.older, b.older),
  last: sumShares(a.last, b.last),
  again: a.again + b.again,
});

export const isWhole = ({ older, last }: Tally): boolean =>
  older.stored === older.of && last.stored === last.of;

/** @param visitors of that SDK's page */
export async function tallyOf(
  server: FaultServer,
  line: string,
  visitors: readonly Visitor[],
): Promise<Tally> {
  const stored = await server.stored(line);
  const made = visitors.flatMap(({ ages }) => [...ages]);
  const share = (counts: (age: number) => boolean): Share => {
    const chosen = made.filter(([, age]) => counts(age));
    return { of: chosen.length, stored: chosen.filter(([id]) => stored.has(id)).length };
  };
  return {
    older: share((age) => age > 250),
    last: share((age) => age <= 1000),
    again: [...stored.values()].reduce((sum, times) => sum + times - 1, 0),
  };
}

/** Never rounded up to 100. */
export const percent = ({ of, stored }: Share): string =>
  of === 0 ? '-' : String(Math.floor((1000 * stored) / of) / 10);

export const cellOf = ({ older, last, again }: Tally): string =>
  `${percent(older)} / ${percent(last)} / ${again}`;
