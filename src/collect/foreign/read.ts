import { findPersonalData } from '../../schema/personal-data.ts';
import { attributesAt, isObject, type JsonObject } from '../../schema/wire.ts';
import { Refusal } from '../body.ts';
import type { ForeignEntry } from '../line.ts';

/** Why something of a foreign record is not kept. */
export const dropReasons = ['body', 'not_listed', 'not_scalar', 'too_long', 'personal_data'] as const;
export type DropReason = (typeof dropReasons)[number];
export type Dropped = Partial<Record<DropReason, number>>;

/** What is left of the records of a body, and what was dropped of them. */
export interface ForeignLogs {
  readonly records: readonly Omit<ForeignEntry, 'kind' | 'receivedAt'>[];
  readonly dropped: Dropped;
}

type Values = ForeignEntry['attributes'];

/** A body of 1 MiB could hold 300,000 empty ones. */
const mostRecords = 2000;
const mostCharacters = 128;
/** 2020 to 2100: what a clock can say and a number can hold. */
const isTime = (at: number): boolean => at >= 1_577_836_800_000 && at <= 4_102_444_800_000;

function objectsAt(parent: JsonObject, key: string): readonly JsonObject[] {
  const list = parent[key] ?? [];
  if (Array.isArray(list) && list.every(isObject)) return list;
  throw new Refusal(400, 'not_otlp', `\`${key}\` must be an array of objects.`);
}

const idOf = (value: unknown, digits: number): string | undefined =>
  typeof value === 'string' && new RegExp(`^(?!0*$)[0-9a-f]{${digits}}$`, 'i').test(value)
    ? value
    : undefined;

function timeOf(nanoseconds: unknown): number | undefined {
  const text = typeof nanoseconds === 'number' ? String(nanoseconds) : nanoseconds;
  if (typeof text !== 'string' || !/^\d{13,19}$/.test(text)) return undefined;
  const at = Number(text.slice(0, -6));
  return isTime(at) ? at : undefined;
}

/** Reads foreign records through an allow-list: of what it does not name only a count is left. */
class Reader {
  readonly dropped: Dropped = {};
  readonly #listed: ReadonlySet<string>;

  constructor(listed: ReadonlySet<string>) {
    this.#listed = listed;
  }

  #drop(reason: DropReason): void {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + 1;
  }

  #whyNot(key: string, value: unknown): DropReason | undefined {
    if (!this.#listed.has(key)) return 'not_listed';
    if (typeof value === 'boolean' || Number.isFinite(value)) return undefined;
    if (typeof value !== 'string') return 'not_scalar';
    if (value.length > mostCharacters) return 'too_long';
    return findPersonalData(value) === undefined ? undefined : 'personal_data';
  }

  values(parent: unknown, more: readonly [key: string, value: unknown][] = []): Values {
    const sent = attributesAt(parent);
    if (sent === undefined)
      throw new Refusal(400, 'not_otlp', 'Every attribute needs a `key` of its own among its neighbours.');
    const kept: Record<string, string | number | boolean> = {};
    for (const [key, value] of [...sent, ...more]) {
      const reason = this.#whyNot(key, value);
      if (reason !== undefined) this.#drop(reason);
      else kept[key] = value as string | number | boolean;
    }
    return kept;
  }

  record(log: JsonObject, resource: Values, scope: Values): ForeignLogs['records'][number] {
    if (log.body !== undefined && log.body !== null) this.#drop('body');
    // OTLP's own field, under the name that attributes have for it.
    const event: [string, unknown][] = log.eventName ? [['event.name', log.eventName]] : [];
    const at = timeOf(log.timeUnixNano) ?? timeOf(log.observedTimeUnixNano);
    const { severityNumber: severity } = log;
    const [traceId, spanId] = [idOf(log.traceId, 32), idOf(log.spanId, 16)];
    return {
      ...(at === undefined ? {} : { at }),
      ...(typeof severity === 'number' && severity >= 0 && severity <= 24 ? { severity } : {}),
      ...(traceId === undefined ? {} : { traceId }),
      ...(spanId === undefined ? {} : { spanId }),
      resource,
      attributes: { ...scope, ...this.values(log, event) },
    };
  }
}

const scopeNames = [
  ['name', 'otel.scope.name'],
  ['version', 'otel.scope.version'],
] as const;

/**
 * Log records of any OTLP sender, without what the list does not name: bodies, attributes of resource, scope and record,
 * and of listed ones every value that is no number, no flag and no short text, or that holds personal data.
 * @param body parsed JSON of `POST /v1/logs`
 * @throws Refusal for what is no OTLP
 */
export function readForeign(body: unknown, listed: ReadonlySet<string>): ForeignLogs {
  if (!isObject(body)) throw new Refusal(400, 'not_otlp', 'The body must be an OTLP/JSON export request.');
  const reader = new Reader(listed);
  const records: ForeignLogs['records'][number][] = [];
  for (const resourceLogs of objectsAt(body, 'resourceLogs')) {
    const resource = reader.values(resourceLogs.resource);
    for (const scopeLogs of objectsAt(resourceLogs, 'scopeLogs')) {
      const about = isObject(scopeLogs.scope) ? scopeLogs.scope : {};
      const names = scopeNames.flatMap(([from, to]): [string, unknown][] =>
        about[from] ? [[to, about[from]]] : [],
      );
      const scope = reader.values(about, names);
      for (const log of objectsAt(scopeLogs, 'logRecords')) {
        if (records.length === mostRecords)
          throw new Refusal(400, 'too_many_records', `The body is too large: over ${mostRecords} records.`);
        records.push(reader.record(log, resource, scope));
      }
    }
  }
  return { records, dropped: reader.dropped };
}
