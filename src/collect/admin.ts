import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { Alone } from './alone.ts';
import { Refusal, toRefusal } from './body.ts';
import { askDrift } from './drift.ts';
import type { Erasures } from './erasures.ts';
import { follow, releaseThere } from './foreign/follow.ts';
import type { Fault } from './head-check.ts';
import type { NoticeEntry, RecordEntry } from './line.ts';
import type { SegmentLog } from './log.ts';
import { askCalibration, askLog, askRollups, type Question, scan, sumVerdicts } from './query.ts';
import type { ColdTables } from './retire/read.ts';
import { always, coldPart, type Retired } from './retire/retired.ts';
import { groupKeys, minute, type Rollups } from './rollups.ts';
import { askTables } from './tables/ask.ts';
import type { Tables } from './tables/tables.ts';
import type { Tail } from './tail.ts';
import { holderOf, may, type Permission, type Token } from './tokens.ts';

export interface AdminParts {
  readonly alone: Alone;
  readonly folder: string;
  readonly log: {
    readonly erasures: Erasures;
    readonly retired: Retired | undefined;
    erase(subject: string, reason: string): Promise<void>;
    hold(id: string, from: number, to: number, reason: string): Promise<void>;
    release(id: string): Promise<void>;
    note(notice: NoticeEntry): Promise<void>;
  };
  /** Of other SDKs' records; absent where none are kept. */
  readonly foreign: Pick<SegmentLog, 'erasures' | 'erase' | 'hold' | 'release'> | undefined;
  readonly tail: Tail;
  /** Minutes so far; absent while older ones are still being read. */
  readonly rollups: () => Rollups | undefined;
  readonly faults: () => readonly Fault[] | undefined;
  /** Exact answers without reading the whole log; absent where no tables are kept. */
  readonly tables: Tables | undefined;
  /** Absent where cold storage is no folder. */
  readonly cold: ColdTables | undefined;
  readonly tokens: () => Promise<readonly Token[]>;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    readonly needs?: Permission;
  }
}

const mostRecords = 1000;
const mostWindows = 1000;
type Query = Readonly<Record<string, string | undefined>>;

function wordOf(name: string, value: unknown, pattern = /^[A-Za-z0-9._-]{1,64}$/): string {
  if (typeof value === 'string' && pattern.test(value)) return value;
  throw new Refusal(400, 'bad_request', `\`${name}\` is missing or not in its form.`);
}

function timeOf(name: string, value: unknown, otherwise?: number): number {
  if (value === undefined && otherwise !== undefined) return otherwise;
  const at =
    typeof value === 'string' ? (/^\d+$/.test(value) ? Number(value) : Date.parse(value)) : Number.NaN;
  if (Number.isFinite(at)) return at;
  throw new Refusal(400, 'bad_request', `\`${name}\` must be epoch milliseconds or an ISO time.`);
}

function questionOf(query: Query): Question {
  const by = (query.by ?? '').split(',').filter((key) => key !== '');
  if (!by.every((key) => (groupKeys as readonly string[]).includes(key)))
    throw new Refusal(400, 'bad_request', `\`by\` takes ${groupKeys.join(', ')}, with commas between.`);
  const where = groupKeys.flatMap((key) => (query[key] === undefined ? [] : [[key, query[key]]]));
  return {
    ...Object.fromEntries(where),
    from: timeOf('from', query.from, 0),
    to: timeOf('to', query.to, Number.MAX_SAFE_INTEGER),
    by: by as Question['by'],
  };
}

/**
 * Reading, apart from writing: a listener of its own, on loopback, with a token in `Authorization: Bearer`.
 * Each access is a notice in the log before it is answered: who, with what role, which route, when.
 */
export function createAdmin(parts: AdminParts): FastifyInstance {
  const { folder, log } = parts;
  // Somebody may listen to the tail for ever: closing does not wait for them.
  const app = fastify({ logger: false, forceCloseConnections: true });
  const alone = <T>(work: () => Promise<T>): Promise<T> => parts.alone.run(work);

  app.setErrorHandler((error: FastifyError | Refusal, _request, reply) => {
    const { status, code, message } = toRefusal(error);
    return reply.code(status).send({ code, message });
  });

  app.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    const given = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const holder = holderOf(given, await parts.tokens());
    if (holder === undefined) {
      reply.header('WWW-Authenticate', 'Bearer');
      throw new Refusal(401, 'bad_token', 'Send a token as Authorization: Bearer.');
    }
    const { needs } = request.routeOptions.config;
    const isAllowed = needs !== undefined && may(holder.role, needs);
    // The route's pattern, not the address: what stands in an address is whatever somebody wrote.
    const route = request.routeOptions.url ?? 'none';
    const { name, role } = holder;
    await log.note({ kind: 'access', at: Date.now(), name, role, route, allowed: isAllowed });
    if (needs === undefined) throw new Refusal(404, 'not_found', 'Nothing is served at this address.');
    if (!isAllowed) throw new Refusal(403, 'not_allowed', `The role ${role} may not do this.`);
  });

  const config = (needs: Permission) => ({ config: { needs } });

  app.get<{ Querystring: Query }>('/api/query', config('aggregates'), async ({ query }) => {
    const question = questionOf(query);
    const { tables } = parts;
    const retired = await parts.cold?.source(question);
    // Minutes may hold what was retired since the start, and may not: the tables of both are read, and each record once.
    if (tables !== undefined && retired !== undefined)
      return {
        source: 'tables',
        exact: true,
        groups: await alone(() => askTables(tables, question, retired)),
      };
    const cold = coldPart(log.retired, question);
    const rollups = query.exact === '1' ? undefined : parts.rollups();
    if (rollups !== undefined)
      return { source: 'rollups', exact: false, ...cold, groups: askRollups(rollups, question) };
    return tables === undefined
      ? { source: 'log', exact: true, ...cold, groups: await alone(() => askLog(folder, question)) }
      : { source: 'tables', exact: true, ...cold, groups: await alone(() => askTables(tables, question)) };
  });

  app.get<{ Querystring: Query }>('/api/calibration', config('aggregates'), async ({ query }) => {
    const question = questionOf(query);
    const cold = coldPart(log.retired, question);
    const rollups = query.exact === '1' ? undefined : parts.rollups();
    return rollups === undefined
      ? {
          source: 'log',
          exact: true,
          ...cold,
          ...(await alone(() => askCalibration(folder, question))),
        }
      : { source: 'rollups', exact: false, ...cold, ...sumVerdicts(rollups, question) };
  });

  app.get<{ Querystring: Query }>('/api/drift', config('aggregates'), async ({ query }) => {
    const [from, to] = [timeOf('from', query.from), timeOf('to', query.to, Date.now())];
    const baseline = {
      from: timeOf('baselineFrom', query.baselineFrom),
      to: timeOf('baselineTo', query.baselineTo),
    };
    const length = Number(query.window ?? 60) * minute;
    if (!(length >= minute) || (to - from) / length > mostWindows)
      throw new Refusal(
        400,
        'bad_request',
        `\`window\` is in minutes, at least 1, for at most ${mostWindows} windows.`,
      );
    const rollups = parts.rollups();
    if (rollups === undefined)
      throw new Refusal(
        503,
        'not_yet',
        'Older minutes are still being read after the start; ask again later.',
      );
    const cold = coldPart(log.retired, {
      from: Math.min(from, baseline.from),
      to: Math.max(to, baseline.to),
    });
    return {
      source: 'rollups',
      ...cold,
      ...askDrift(rollups, { ...questionOf(query), from, to }, baseline, length),
    };
  });

  app.get('/api/summary', config('aggregates'), () =>
    alone(async () => {
      const counts = new Map<
        string,
        { model: string; operation: string; outcome: string; records: number }
      >();
      const retired = await parts.cold?.source(always);
      const before = retired === undefined ? [] : ((await parts.cold?.requests(retired)) ?? []);
      for (const group of before) counts.set(`${group.model} ${group.operation} ${group.outcome}`, group);
      const { records, chunks, faults } = await scan(folder, ({ record }) => {
        if ('reportedAt' in record) return;
        const { modelId: model, operation, outcome } = record;
        const name = `${model} ${operation} ${outcome}`;
        const group = counts.get(name) ?? { model, operation, outcome, records: 0 };
        group.records += 1;
        counts.set(name, group);
      });
      const cold = retired === undefined ? coldPart(log.retired, always) : {};
      return { records, chunks, faults, ...cold, groups: [...counts.values()] };
    }),
  );

  app.get<{ Querystring: Query }>('/api/records', config('records'), ({ query }) =>
    alone(async () => {
      const limit = Math.min(mostRecords, Math.max(1, Math.floor(Number(query.limit ?? 100)) || 1));
      const records: RecordEntry[] = [];
      await scan(folder, (entry) => {
        records.push(entry);
        if (records.length > limit) records.shift();
      });
      // The newest are here; what is retired is older than all of them.
      return { records, ...(records.length < limit ? coldPart(log.retired, always) : {}) };
    }),
  );

  app.get<{ Params: { id: string } }>('/api/requests/:id', config('records'), ({ params }) =>
    alone(async () => {
      const entries: RecordEntry[] = [];
      await scan(folder, (entry) => {
        if (entry.record.requestId === params.id || entry.record.recordId === params.id) entries.push(entry);
      });
      const retired = await parts.cold?.source(always);
      const before = retired === undefined ? [] : ((await parts.cold?.ofRequest(retired, params.id)) ?? []);
      const unread = retired === undefined ? coldPart(log.retired, always) : {};
      if (entries.length + before.length > 0) return { entries: [...before, ...entries], ...unread };
      throw new Refusal(
        404,
        'not_found',
        unread.cold === undefined
          ? 'No record of that request is here.'
          : `No record of that request is here; ${unread.cold.records} records in cold storage were not looked through.`,
      );
    }),
  );

  app.get('/api/tail', config('records'), (_request, reply) => {
    reply.hijack();
    if (!parts.tail.add(reply.raw)) reply.raw.writeHead(429).end();
  });

  app.get('/api/audit', config('audit'), async () => ({
    faults: parts.faults() ?? null,
    verified: parts.faults() !== undefined,
    holds: log.erasures.holds,
    unfinishedErasures: log.erasures.unfinished,
    recordsOnHold: log.erasures.waiting,
  }));

  app.post<{ Body: Query }>('/api/erasures', config('change'), async ({ body }) => {
    const subject = wordOf('digest', body?.digest, /^[0-9a-f]{64}$/);
    const reason = wordOf('reason', body?.reason);
    await log.erase(subject, reason);
    if (parts.foreign !== undefined) await follow(log, parts.foreign);
    return { recordsOnHold: log.erasures.waiting };
  });

  app.post<{ Body: Query }>('/api/holds', config('change'), async ({ body }) => {
    const [from, to] = [timeOf('from', body?.from), timeOf('to', body?.to)];
    await log.hold(wordOf('id', body?.id), from, to, wordOf('reason', body?.reason));
    if (parts.foreign !== undefined) await follow(log, parts.foreign);
    return { holds: log.erasures.holds };
  });

  app.delete<{ Params: { id: string } }>('/api/holds/:id', config('change'), async ({ params }) => {
    const id = wordOf('id', params.id);
    if (parts.foreign !== undefined) await releaseThere(parts.foreign, id);
    await log.release(id);
    return { holds: log.erasures.holds };
  });
  return app;
}
