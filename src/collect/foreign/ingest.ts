import { Counter, type Registry } from 'prom-client';
import { notStored, parseBody, requireKey } from '../body.ts';
import { subjectsIn } from '../erasures.ts';
import { bytesOf } from '../line.ts';
import type { SegmentLog } from '../log.ts';
import { readForeign } from './read.ts';

export interface ForeignParts {
  /** A log of their own: it shares nothing with that of Sonde's records. */
  readonly log: Pick<SegmentLog, 'append' | 'erasures'>;
  /** Names of attributes that are kept. */
  readonly listed: ReadonlySet<string>;
  readonly keys: ReadonlySet<string>;
  readonly registry: Registry;
}

/** Every schema of Sonde's own begins so; a body without it is somebody else's. */
const ownSchemas = Buffer.from('https://sonde.invalid/schemas/');
export const isForeign = (body: Buffer): boolean => !body.includes(ownSchemas);

/** Keeps log records of stock SDKs. Answers when they are on disk; what comes twice is kept twice, for it has no id. */
export function createForeignIngest({ log, listed, keys, registry }: ForeignParts) {
  const registers = [registry];
  const kept = new Counter({
    name: 'sonde_foreign_records_total',
    help: 'Log records of other SDKs on disk.',
    registers,
  });
  const dropped = new Counter({
    name: 'sonde_foreign_dropped_total',
    help: 'Bodies and attributes of log records of other SDKs that were not kept; records of erased sessions.',
    labelNames: ['reason'],
    registers,
  });

  /** @throws Refusal for a body that is no OTLP, or when the disk takes nothing */
  return async function ingest(body: Buffer, key: string | undefined) {
    const logs = readForeign(parseBody(body), listed);
    requireKey(key, keys);
    const { erasures } = log;
    const records =
      erasures.subjects.length === 0
        ? logs.records
        : logs.records.filter((record) => !subjectsIn(record).some((subject) => erasures.has(subject)));
    const receivedAt = Date.now();
    try {
      await log.append(records.map((record) => bytesOf({ kind: 'foreign', receivedAt, ...record })));
    } catch {
      throw notStored();
    }
    kept.inc(records.length);
    if (records.length < logs.records.length)
      dropped.inc({ reason: 'erased' }, logs.records.length - records.length);
    for (const [reason, count] of Object.entries(logs.dropped)) dropped.inc({ reason }, count);
    return { stored: [], rejected: {} };
  };
}
