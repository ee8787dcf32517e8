import { assemble, type Frame } from '../protocol/frame.ts';
import type { Masked } from '../schema/masked.ts';
import type { Measurement } from '../schema/metrics.ts';
import { encodeMetrics } from '../schema/otlp-metrics.ts';
import type { ServiceIdentity } from '../schema/record.ts';
import { isGzip } from '../shared/gzip.ts';
import { epochMilliseconds } from '../shared/units.ts';
import { Delta } from './delta.ts';
import type { Chunk } from './messages.ts';
import { chunkLimits, type Run } from './pool.ts';

/** Below this gzip saves less than a packet. */
const gzipFrom = 1024;

async function gzip(text: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

type FrameOf = (id: number) => Frame;

/** What the measurements of a run add up to. */
function sum({ life, logs }: Run, frameOf: FrameOf): string {
  const delta = new Delta();
  const measurements = logs.map(({ text }) => JSON.parse(text) as Masked<Measurement>);
  for (const measurement of measurements) delta.add(measurement);
  const { session, epoch } = life;
  return JSON.stringify(
    encodeMetrics({
      service: JSON.parse(frameOf(logs[0]?.frame ?? 0).head) as Masked<ServiceIdentity>,
      chunk: { session, epoch, seq: logs[0]?.seq ?? 0, count: logs.length },
      from: measurements[0]?.at ?? epochMilliseconds(0),
      to: measurements.at(-1)?.at ?? epochMilliseconds(0),
      points: delta.points(),
    }),
  );
}

/** A complete export request as OTLP/JSON text. */
export function draft(run: Run, frameOf: FrameOf): Chunk {
  const text = run.life.signal === 'metrics' ? sum(run, frameOf) : assemble(run.logs, frameOf);
  return {
    life: run.life,
    first: run.logs[0]?.seq ?? 0,
    count: run.logs.length,
    anomalous: run.logs.some((log) => log.anomalous),
    body: new TextEncoder().encode(text),
  };
}

/** Gzip where it is larger. Longer than `chunkLimits.gzipBytes` is for the caller to cut. */
export async function pack(chunk: Chunk): Promise<Chunk> {
  const plain = chunk.body.length < gzipFrom || typeof CompressionStream === 'undefined';
  return plain ? chunk : { ...chunk, body: await gzip(chunk.body) };
}

export const isTooLarge = ({ count, body }: Chunk): boolean =>
  count > 1 && isGzip(body) && body.length > chunkLimits.gzipBytes;
