import { assemble, type Frame, type Log } from '../protocol/frame.ts';
import type { Masked } from '../schema/masked.ts';
import type { Measurement } from '../schema/metrics.ts';
import { encodeMetrics } from '../schema/otlp-metrics.ts';
import type { ServiceIdentity } from '../schema/record.ts';
import { isGzip } from '../shared/gzip.ts';
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

const measured = ({ text }: Log): Masked<Measurement> => JSON.parse(text) as Masked<Measurement>;

/** What the measurements of a run add up to. A run that has grown costs no more than what is new in it. */
export class Sum {
  #delta = new Delta();
  #summed: readonly Log[] = [];

  of({ life, logs }: Run, frameOf: FrameOf): string {
    const [first] = logs;
    const last = logs.at(-1);
    if (first === undefined || last === undefined)
      throw new RangeError('A run has at least one measurement.');
    // Numbers are consecutive, so what has its ends has all of it.
    const known = this.#summed.length;
    const grew = known > 0 && first === this.#summed[0] && logs[known - 1] === this.#summed.at(-1);
    if (!grew) this.#delta = new Delta();
    for (const log of logs.slice(grew ? known : 0)) this.#delta.add(measured(log));
    this.#summed = logs;
    const { session, epoch } = life;
    return JSON.stringify(
      encodeMetrics({
        service: JSON.parse(frameOf(first.frame).head) as Masked<ServiceIdentity>,
        chunk: { session, epoch, seq: first.seq, count: logs.length },
        from: measured(first).at,
        to: measured(last).at,
        points: this.#delta.points(),
      }),
    );
  }
}

/** A complete export request as OTLP/JSON text. */
export function draft(run: Run, frameOf: FrameOf, sum: Sum): Chunk {
  const text = run.life.signal === 'metrics' ? sum.of(run, frameOf) : assemble(run.logs, frameOf);
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
