import { assemble, type Frame } from '../protocol/frame.ts';
import type { Chunk } from './messages.ts';
import { chunkLimits, type Run } from './pool.ts';

/** Below this gzip saves less than a packet. */
const gzipFrom = 1024;

async function gzip(text: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A complete export request, gzip when larger. Longer than `chunkLimits.gzipBytes` is for the caller to cut. */
export async function seal(run: Run, frameOf: (id: number) => Frame): Promise<Chunk> {
  const text = new TextEncoder().encode(assemble(run.logs, frameOf));
  const plain = text.length < gzipFrom || typeof CompressionStream === 'undefined';
  const body = plain ? text : await gzip(text);
  return {
    life: run.life,
    first: run.logs[0]?.seq ?? 0,
    count: run.logs.length,
    anomalous: run.logs.some((log) => log.anomalous),
    body,
  };
}

const isGzip = (body: Uint8Array): boolean => body[0] === 0x1f && body[1] === 0x8b;

export const isTooLarge = ({ count, body }: Chunk): boolean =>
  count > 1 && isGzip(body) && body.length > chunkLimits.gzipBytes;
