import { timingSafeEqual } from 'node:crypto';
import fastify, { type FastifyInstance } from 'fastify';
import type { RecordEntry } from './line.ts';
import { walkLog } from './walk.ts';

const mostRecords = 1000;

function sameSecret(given: string, secret: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(secret);
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * Reading, apart from writing: its own listener, on loopback, with a token in `Authorization: Bearer`.
 * Both answers read the log from its beginning; they are for looking, not for dashboards.
 */
export function createAdmin(folder: string, token: string): FastifyInstance {
  const app = fastify({ logger: false });
  app.addHook('onRequest', async (request, reply) => {
    const given = request.headers.authorization ?? '';
    if (!sameSecret(given, `Bearer ${token}`))
      return reply
        .code(401)
        .send({ code: 'bad_token', message: 'Send the admin token as Authorization: Bearer.' });
  });

  const eachRecord = (use: (entry: RecordEntry) => void) =>
    walkLog(folder, (entries) => {
      for (const entry of entries) if (entry.kind === 'record') use(entry);
    });

  app.get<{ Querystring: { limit?: string } }>('/api/records', async (request) => {
    const limit = Math.min(mostRecords, Math.max(1, Math.floor(Number(request.query.limit ?? 100)) || 1));
    const records: RecordEntry[] = [];
    await eachRecord((entry) => {
      records.push(entry);
      if (records.length > limit) records.shift();
    });
    return { records };
  });

  app.get('/api/summary', async () => {
    const counts = new Map<string, { model: string; operation: string; outcome: string; records: number }>();
    const { records, chunks, faults } = await eachRecord(({ record }) => {
      if ('reportedAt' in record) return;
      const { modelId: model, operation, outcome } = record;
      const name = `${model} ${operation} ${outcome}`;
      const group = counts.get(name) ?? { model, operation, outcome, records: 0 };
      group.records += 1;
      counts.set(name, group);
    });
    return { records, chunks, faults, groups: [...counts.values()] };
  });
  return app;
}
