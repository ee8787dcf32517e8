import { describe, expect, it } from 'vitest';
import { chunkLimits, Pool } from '../../../src/batch/pool.ts';
import type { Log } from '../../../src/protocol/frame.ts';

const life = { session: 'a'.repeat(32), epoch: 0, signal: 'logs' } as const;
const other = { session: 'b'.repeat(32), epoch: 0, signal: 'logs' } as const;
const log = (seq: number, more: Partial<Log> = {}): Log => ({
  seq,
  text: '{}',
  frame: 0,
  anomalous: false,
  ...more,
});
const numbers = (run: { readonly logs: readonly Log[] } | undefined): number[] | undefined =>
  run?.logs.map(({ seq }) => seq);

describe('a chunk', () => {
  it('closes at 50 records', () => {
    const pool = new Pool(1000);
    for (let seq = 0; seq < 120; seq++) pool.add(life, log(seq), 0);
    expect([pool.hand(), pool.hand(), pool.hand(), pool.hand()].map((run) => run?.logs.length)).toEqual([
      50,
      50,
      20,
      undefined,
    ]);
  });

  it('closes at 48 KiB of text', () => {
    const pool = new Pool(1000);
    const text = 'x'.repeat(10 * 1024);
    for (let seq = 0; seq < 6; seq++) pool.add(life, log(seq, { text }), 0);
    expect(numbers(pool.hand())).toEqual([0, 1, 2, 3]);
    expect(chunkLimits.rawBytes).toBe(48 * 1024);
  });

  it('is due when its oldest record is, or at once when it is full', () => {
    const pool = new Pool(1000);
    expect(pool.dueAt(5)).toBeUndefined();
    pool.add(life, log(0), 1000);
    pool.add(life, log(1), 1400);
    expect(pool.dueAt(5)).toBe(1000);
    for (let seq = 2; seq < 50; seq++) pool.add(life, log(seq), 2000);
    expect(pool.dueAt(5)).toBe(5);
  });

  it('holds consecutive numbers of one life', () => {
    const pool = new Pool(1000);
    for (const seq of [0, 1, 3]) pool.add(life, log(seq), 0);
    pool.add(other, log(4), 0);
    expect([pool.hand(), pool.hand(), pool.hand()].map(numbers)).toEqual([[0, 1], [3], [4]]);
  });
});

describe('a pool', () => {
  it('hands a chunk with an anomalous record first', () => {
    const pool = new Pool(1000);
    for (let seq = 0; seq < 110; seq++) pool.add(life, log(seq, { anomalous: seq === 104 }), 0);
    expect(pool.hand()?.logs[0]?.seq).toBe(100);
    expect(pool.hand()?.logs[0]?.seq).toBe(0);
  });

  it('full: evicts normal before anomalous, oldest first', () => {
    const pool = new Pool(3);
    const evicted = [];
    for (const [seq, anomalous] of [true, false, false, true, true, true].entries()) {
      evicted.push(pool.add(life, log(seq, { anomalous }), 0)?.log.seq);
    }
    expect(evicted).toEqual([undefined, undefined, undefined, 1, 2, 0]);
    expect(pool.size).toBe(3);
  });

  it('keeps a chunk handed until an answer covers all of it', () => {
    const pool = new Pool(1000);
    for (let seq = 0; seq < 60; seq++) pool.add(life, log(seq), 0);
    pool.hand();
    pool.settle(life, [[0, 40]]);
    expect(pool.handedRuns).toBe(1);
    pool.settle(other, [[0, 49]]);
    expect(pool.handedRuns).toBe(1);
    pool.settle(life, [[0, 54]]);
    expect(pool.handedRuns).toBe(0);
    expect(numbers(pool.hand())).toEqual([55, 56, 57, 58, 59]);
  });

  it('cuts a chunk that was too large in two, down to one record', () => {
    const pool = new Pool(1000);
    for (let seq = 0; seq < 5; seq++) pool.add(life, log(seq), 0);
    const run = pool.hand();
    const halves = run === undefined ? [] : pool.halve(run);
    expect(halves.map(numbers)).toEqual([
      [0, 1, 2],
      [3, 4],
    ]);
    expect(pool.handedRuns).toBe(2);
    expect(pool.halve({ life, logs: [log(9)] })).toEqual([]);
  });

  it('hands exactly what left the page already, or nothing if a part of it is in a chunk', () => {
    const pool = new Pool(1000);
    for (let seq = 0; seq < 6; seq++) pool.add(life, log(seq), 0);
    expect(numbers(pool.handThese({ life, first: 0, count: 4 }))).toEqual([0, 1, 2, 3]);
    expect(pool.handThese({ life, first: 3, count: 2 })).toBeUndefined();
    expect(numbers(pool.newest(life))).toEqual([4, 5]);
    expect(pool.newest(other)).toBeUndefined();
  });

  it('takes back of a chunk what an answer did not cover, to be handed at once', () => {
    const pool = new Pool(1000);
    for (let seq = 0; seq < 5; seq++) pool.add(life, log(seq), 1000);
    pool.hand();
    pool.add(life, log(5), 1000);
    pool.release({ life, first: 0, count: 5 }, [[0, 2]]);
    expect([pool.handedRuns, pool.size]).toEqual([0, 3]);
    expect(pool.dueAt(5)).toBe(0);
    expect(numbers(pool.hand())).toEqual([3, 4, 5]);
  });
});
