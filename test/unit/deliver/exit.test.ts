import { describe, expect, it } from 'vitest';
import type { Chunk } from '../../../src/batch/messages.ts';
import { leave } from '../../../src/deliver/exit.ts';
import { Mirror } from '../../../src/deliver/mirror.ts';

const life = { session: 'a'.repeat(32), epoch: 0, signal: 'logs' } as const;
const frame = { head: '{"seq":', middle: ',"logs":[', tail: ']}' };

const sealed = (first: number, count: number, size: number, anomalous = false): Chunk => ({
  life,
  first,
  count,
  anomalous,
  body: new Uint8Array(size),
});

function mirrorWith(chunks: readonly Chunk[], tail: readonly number[], recordBytes = 1000): Mirror {
  const mirror = new Mirror();
  mirror.addFrame(life, 0, frame);
  for (const seq of tail) {
    mirror.addLog({ seq, text: `"${'x'.repeat(recordBytes - 2)}"`, frame: 0, anomalous: false });
  }
  for (const chunk of chunks) mirror.addChunk(chunk);
  return mirror;
}

/** The quota in flight of one page, as measured: 65,536 bytes. */
function exits(quota = 65_536) {
  let left = quota;
  const beaconed: [number, number][] = [];
  const keptAlive: number[] = [];
  return {
    beaconed,
    keptAlive,
    beacon(chunk: Chunk): boolean {
      if (chunk.body.length > left) return false;
      left -= chunk.body.length;
      beaconed.push([chunk.first, chunk.count]);
      return true;
    },
    keepalive: (chunk: Chunk) => keptAlive.push(chunk.first),
  };
}

describe('hidden / pagehide', () => {
  it('beacons every sealed chunk and the raw tail, anomalies first', () => {
    const out = exits();
    leave(mirrorWith([sealed(0, 50, 7000), sealed(50, 50, 7000, true)], [100, 101]), out);
    expect(out.beaconed).toEqual([
      [50, 50],
      [0, 50],
      [100, 2],
    ]);
  });

  it('twice sends nothing twice, and what came in between once', () => {
    const out = exits();
    const mirror = mirrorWith([sealed(0, 50, 7000)], [50]);
    leave(mirror, out);
    leave(mirror, out);
    mirror.addLog({ seq: 51, text: '{}', frame: 0, anomalous: false });
    leave(mirror, out);
    expect(out.beaconed).toEqual([
      [0, 50],
      [50, 1],
      [51, 1],
    ]);
  });

  it('cuts the tail where a number is missing, so each record keeps its own', () => {
    const out = exits();
    leave(mirrorWith([], [3, 4, 6, 9]), out);
    expect(out.beaconed).toEqual([
      [3, 2],
      [6, 1],
      [9, 1],
    ]);
  });
});

describe('beacon false / quota', () => {
  it('halves the tail until it fits', () => {
    const out = exits(5000);
    leave(mirrorWith([], [0, 1, 2, 3, 4, 5, 6, 7]), out);
    expect(out.beaconed[0]).toEqual([0, 4]);
  });

  it('then tries a keepalive fetch, and keeps the chunk', () => {
    const out = exits(10_000);
    const mirror = mirrorWith([sealed(0, 50, 9000), sealed(50, 50, 9000)], []);
    leave(mirror, out);
    expect(out.beaconed).toEqual([[0, 50]]);
    expect(out.keptAlive).toEqual([50]);
    expect(mirror.ready().map(({ first }) => first)).toEqual([50]);
  });
});

describe('after a beacon', () => {
  it('the tail, sealed meanwhile, is not beaconed again, but what it gained is', () => {
    const out = exits();
    const mirror = mirrorWith([], [0, 1, 2]);
    leave(mirror, out);
    mirror.addChunk(sealed(0, 3, 500));
    leave(mirror, out);
    expect(out.beaconed).toEqual([[0, 3]]);
    expect(mirror.next()?.first).toBe(0);
    mirror.addLog({ seq: 3, text: '{}', frame: 0, anomalous: false });
    leave(mirror, out);
    mirror.addChunk(sealed(3, 2, 500));
    leave(mirror, out);
    expect(out.beaconed).toEqual([
      [0, 3],
      [3, 1],
      [3, 2],
    ]);
  });

  it('a chunk is sent again only when nothing unsent is left, and an answer to another may cover it', () => {
    const mirror = mirrorWith([sealed(0, 50, 7000)], []);
    leave(mirror, exits());
    mirror.addChunk(sealed(50, 10, 2000));
    expect(mirror.next()?.first).toBe(50);
    mirror.remove(sealed(50, 10, 0));
    expect(mirror.next()?.first).toBe(0);
    mirror.settle([{ ...life, ranges: [[0, 59]] }]);
    expect(mirror.next()).toBeUndefined();
  });
});

describe('a worker that is gone', () => {
  it('leaves its tail to the page, which sends it as it is', () => {
    const mirror = mirrorWith([], [7, 8]);
    mirror.keepTail();
    const chunk = mirror.next();
    expect(chunk).toMatchObject({ life, first: 7, count: 2 });
    const text = new TextDecoder().decode(chunk?.body);
    expect(JSON.parse(text).resourceLogs[0].seq).toBe(7);
    expect(JSON.parse(text).resourceLogs[0].logs).toHaveLength(2);
  });
});
