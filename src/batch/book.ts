import type { Account } from '../protocol/telemetry.ts';
import type { Ranges } from '../shared/control.ts';
import { lifeKey } from './life.ts';
import type { Covered, Life } from './messages.ts';
import { intersect, sizeOf, subtract, union } from './ranges.ts';

/** The ledger with the numbers behind it: which records of which life are still owed an answer. */
export interface Book {
  readonly emitted: number;
  readonly acknowledged: number;
  readonly dropped: Readonly<Record<string, number>>;
  /** By `lifeKey`; a life with nothing pending has no entry. */
  readonly pending: ReadonlyMap<string, Ranges>;
}

export type Entry =
  | { readonly kind: 'emitted'; readonly life: Life; readonly seq: number }
  /** Records a former visit left behind enter this book as emitted and pending. */
  | { readonly kind: 'adopted'; readonly life: Life; readonly ranges: Ranges }
  | {
      readonly kind: 'settled';
      readonly stored: readonly Covered[];
      readonly rejected: Readonly<Record<string, number>>;
    }
  | { readonly kind: 'dropped'; readonly life: Life; readonly ranges: Ranges; readonly reason: string }
  /** Never numbered and never kept. */
  | { readonly kind: 'withheld'; readonly reason: string }
  | { readonly kind: 'cleared'; readonly reason: string };

export const emptyBook: Book = { emitted: 0, acknowledged: 0, dropped: {}, pending: new Map() };

function plus(
  counts: Readonly<Record<string, number>>,
  reason: string,
  by: number,
): Readonly<Record<string, number>> {
  return by === 0 ? counts : { ...counts, [reason]: (counts[reason] ?? 0) + by };
}

const pendingOf = (book: Book, life: Life): Ranges => book.pending.get(lifeKey(life)) ?? [];

function withPending(book: Book, life: Life, ranges: Ranges): Book {
  const pending = new Map(book.pending);
  if (ranges.length === 0) pending.delete(lifeKey(life));
  else pending.set(lifeKey(life), ranges);
  return { ...book, pending };
}

function add(book: Book, life: Life, ranges: Ranges): Book {
  const before = pendingOf(book, life);
  const after = union(before, ranges);
  return { ...withPending(book, life, after), emitted: book.emitted + sizeOf(after) - sizeOf(before) };
}

/** Takes `ranges` out of pending and says how many were in it. */
function take(book: Book, life: Life, ranges: Ranges): readonly [Book, number] {
  const before = pendingOf(book, life);
  const taken = sizeOf(intersect(before, ranges));
  return [taken === 0 ? book : withPending(book, life, subtract(before, ranges)), taken];
}

function settle(book: Book, stored: readonly Covered[], rejected: Readonly<Record<string, number>>): Book {
  let next = book;
  let settled = 0;
  for (const { ranges, ...life } of stored) {
    const [after, taken] = take(next, life, ranges);
    next = after;
    settled += taken;
  }
  let { dropped } = next;
  // A chunk that came twice may be told of the same refusal twice: never count more than was owed.
  for (const [reason, told] of Object.entries(rejected)) {
    const counted = Math.min(told, settled);
    settled -= counted;
    dropped = plus(dropped, `rejected_${reason}`, counted);
  }
  return { ...next, dropped, acknowledged: next.acknowledged + settled };
}

/** Pure: after any entry emitted = acknowledged + pending + sum(dropped). */
export function enter(book: Book, entry: Entry): Book {
  switch (entry.kind) {
    case 'emitted':
      return add(book, entry.life, [[entry.seq, entry.seq]]);
    case 'adopted':
      return add(book, entry.life, entry.ranges);
    case 'settled':
      return settle(book, entry.stored, entry.rejected);
    case 'dropped': {
      const [next, taken] = take(book, entry.life, entry.ranges);
      return { ...next, dropped: plus(next.dropped, entry.reason, taken) };
    }
    case 'withheld':
      return { ...book, emitted: book.emitted + 1, dropped: plus(book.dropped, entry.reason, 1) };
    case 'cleared':
      return {
        ...book,
        dropped: plus(book.dropped, entry.reason, pendingCount(book)),
        pending: new Map(),
      };
  }
}

export function pendingCount(book: Book): number {
  let count = 0;
  for (const ranges of book.pending.values()) count += sizeOf(ranges);
  return count;
}

export const accountOf = (book: Book): Account => ({
  emitted: book.emitted,
  acknowledged: book.acknowledged,
  pending: pendingCount(book),
  dropped: book.dropped,
});
