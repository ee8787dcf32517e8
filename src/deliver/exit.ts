import type { Chunk } from '../batch/messages.ts';
import type { Mirror, TailRun } from './mirror.ts';

export interface Exits {
  /** False when the 64 KiB in flight are used up. */
  readonly beacon: (chunk: Chunk) => boolean;
  readonly keepalive: (chunk: Chunk) => void;
}

/**
 * The page's last act, synchronous: beacons every sealed chunk and the raw tail, anomalies first. What no
 * beacon takes is halved (the tail only: a gzip cannot be cut), then tried as a keepalive fetch; whatever
 * becomes of it, it is still in the journal.
 */
export function leave(mirror: Mirror, exits: Exits): void {
  const sealed = mirror.ready().map((chunk) => ({
    anomalous: chunk.anomalous,
    go: () => {
      if (exits.beacon(chunk)) mirror.mark(chunk, 'beaconed');
      else exits.keepalive(chunk);
    },
  }));
  const tail = mirror.tail().map((run) => ({
    anomalous: run.logs.some((log) => log.anomalous),
    go: () => leaveTail(mirror, run, exits),
  }));
  const parts = [...sealed, ...tail].sort((a, b) => Number(b.anomalous) - Number(a.anomalous));
  for (const part of parts) part.go();
}

function leaveTail(mirror: Mirror, run: TailRun, exits: Exits): void {
  const chunk = mirror.toChunk(run);
  if (exits.beacon(chunk)) {
    mirror.markTailBeaconed(run);
    return;
  }
  const middle = Math.ceil(run.logs.length / 2);
  if (middle === run.logs.length) {
    exits.keepalive(chunk);
    return;
  }
  leaveTail(mirror, { ...run, logs: run.logs.slice(0, middle) }, exits);
  leaveTail(mirror, { ...run, logs: run.logs.slice(middle) }, exits);
}
