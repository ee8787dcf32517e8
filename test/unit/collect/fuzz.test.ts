import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createCollector } from '../../../src/collect/server.ts';
import { walkLog } from '../../../src/collect/walk.ts';
import { chunkOf, maskedRecord, newSession } from './chunk.ts';
import { temporaryFolder } from './start.ts';

const bodies = Number(process.env.SONDE_FUZZ_BODIES ?? 20_000);

/** mulberry32: the same bodies in every run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const oddities = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e308,
  Number.MAX_SAFE_INTEGER,
  '',
  '\0',
  '__proto__',
  'constructor',
  '\ud800',
  'x'.repeat(5000),
  [],
  {},
  [[]],
  { stringValue: 1 },
  { intValue: '1e9' },
  { intValue: '99999999999999999999' },
  { stringValue: 'a', intValue: '1' },
  { arrayValue: { values: [{}] } },
  { kvlistValue: null },
]; // prettier-ignore

describe('a fuzzed body', () => {
  it(
    `never brings a 5xx or a crash, in ${bodies} seeded bodies`,
    async () => {
      const data = await temporaryFolder();
      const collector = await createCollector({
        data,
        rateLimits: { address: { rate: 1e9, burst: 1e9 } },
      });
      const random = randomFrom(20261123);
      const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
      const below = (n: number) => Math.floor(random() * n);
      const records = Array.from({ length: 50 }, () => maskedRecord());

      /** One place of a parsed body gets another value, goes, or is doubled. */
      function bend(node: unknown): unknown {
        if (typeof node !== 'object' || node === null || random() < 0.08) return pick(oddities);
        if (Array.isArray(node)) {
          if (node.length === 0 || random() < 0.1) return [...node, pick(oddities)];
          const at = below(node.length);
          if (random() < 0.1) return node.toSpliced(at, 1);
          if (random() < 0.1) return node.toSpliced(at, 0, node[at]);
          return node.with(at, bend(node[at]));
        }
        const key = pick(Object.keys(node));
        if (key === undefined || random() < 0.05)
          return { ...node, [pick(['x', 'key', 'attributes'])]: pick(oddities) };
        const { [key]: value, ...rest } = node as Record<string, unknown>;
        return random() < 0.1 ? rest : { ...rest, [key]: bend(value) };
      }

      const statuses = new Map<number, number>();
      for (let i = 0; i < bodies; i++) {
        const chunk = { session: newSession(), epoch: below(3), seq: below(100) };
        const good: unknown = chunkOf(
          chunk,
          Array.from({ length: 1 + below(3) }, () => pick(records)),
        );
        let body: unknown = good;
        for (let bends = below(4); bends > 0; bends--) body = bend(body);
        let bytes = Buffer.from(JSON.stringify(body) ?? '');
        if (random() < 0.3)
          for (let flips = 1 + below(8); flips > 0 && bytes.length > 0; flips--)
            bytes[below(bytes.length)] = below(256);
        if (random() < 0.1) bytes = bytes.subarray(0, below(bytes.length + 1));
        if (random() < 0.3) bytes = gzipSync(bytes, { level: 1 });
        if (random() < 0.1 && bytes.length > 0) bytes[below(bytes.length)] = below(256);
        const { statusCode } = await collector.app.inject({
          method: 'POST',
          url: '/v1/logs',
          headers: { 'content-type': pick(['application/json', 'text/plain', 'text/plain;charset=UTF-8']) },
          payload: bytes,
        });
        statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
      }
      await collector.close();
      const { records: kept, faults } = await walkLog(data, () => undefined);
      console.info(`${bodies} bodies: ${JSON.stringify(Object.fromEntries(statuses))}, ${kept} records kept`);
      expect([...statuses.keys()].filter((status) => status >= 500)).toEqual([]);
      expect(statuses.get(200)).toBeGreaterThan(1000);
      expect(statuses.get(400)).toBeGreaterThan(1000);
      expect(faults).toEqual([]);
    },
    240_000 + 10 * bodies,
  );
});
