import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Chunk, ToWorker } from '../../../src/batch/messages.ts';
import type { Verdict } from '../../../src/deliver/answer.ts';
import { Mirror } from '../../../src/deliver/mirror.ts';
import { Sender } from '../../../src/deliver/sender.ts';
import { milliseconds } from '../../../src/shared/units.ts';

const life = { session: 'a'.repeat(32), epoch: 0, signal: 'logs' } as const;
const chunkAt = (first: number, size: number): Chunk => ({
  life,
  first,
  count: 1,
  anomalous: false,
  body: new Uint8Array(size),
});
const stored: Verdict = { kind: 'stored', ack: { kind: 'ack', stored: [], rejected: {} } };

/** A sender with a backlog, to a backend that answers when the test lets it; it sees of a page that it is visible. */
function start(backlog: number, size = 1000) {
  vi.stubGlobal('document', { visibilityState: 'visible' });
  onTestFinished(() => void vi.unstubAllGlobals());
  const mirror = new Mirror();
  for (let first = 0; first < backlog; first++) mirror.addChunk(chunkAt(first, size));
  const flying = new Map<number, (verdict: Verdict) => void>();
  const kept = new Set<number>();
  const told: ToWorker[] = [];
  const sender = new Sender({
    transport: {
      url: 'function',
      async post({ first }, keepalive) {
        if (keepalive) kept.add(first);
        const verdict = await new Promise<Verdict>((resolve) => flying.set(first, resolve));
        return { status: 200, verdict };
      },
    },
    mirror,
    consented: () => true,
    tell: (message) => told.push(message),
    onEvent: () => undefined,
  });
  onTestFinished(() => sender.stop());
  sender.kick();
  async function answer(first: number, verdict: Verdict): Promise<void> {
    flying.get(first)?.(verdict);
    flying.delete(first);
    await new Promise((resolve) => setTimeout(resolve));
  }
  return {
    told,
    kept,
    inFlight: () => [...flying.keys()],
    answer,
    async answerAll(verdict: Verdict): Promise<void> {
      await Promise.all([...flying.keys()].map((first) => answer(first, verdict)));
    },
  };
}

describe('a backlog', () => {
  it('goes one at first, then side by side as answers come, six at most', async () => {
    const { inFlight, answerAll } = start(30);
    const widths: number[] = [];
    while (inFlight().length > 0) {
      widths.push(inFlight().length);
      await answerAll(stored);
    }
    expect(widths).toEqual([1, 2, 4, 6, 6, 6, 5]);
  });

  it('goes six side by side at once where it is more than beacons would carry', async () => {
    const { inFlight, answerAll } = start(30, 7000);
    expect(inFlight()).toHaveLength(6);
    await answerAll({ kind: 'retry', reason: 'http_503', retryAfter: milliseconds(1) });
    await vi.waitUntil(() => inFlight().length > 0);
    expect(inFlight()).toHaveLength(1);
  });

  it('keeps at most 16 KiB of it alive beyond the page', async () => {
    const { inFlight, kept } = start(7, 6000);
    expect(inFlight()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(inFlight().filter((first) => kept.has(first))).toHaveLength(2);
  });

  it('that is told to wait waits as a whole: what was under way and is stored does not end it', async () => {
    const { inFlight, answer, answerAll, told } = start(30);
    await answerAll(stored);
    expect(inFlight()).toEqual([1, 2]);
    await answer(1, { kind: 'retry', reason: 'http_429', retryAfter: milliseconds(60_000) });
    await answer(2, stored);
    expect(inFlight()).toEqual([]);
    expect(told.map(({ kind }) => kind)).toEqual(['ack', 'hold', 'ack']);
  });
});
