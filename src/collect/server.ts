import type { AddressInfo } from 'node:net';
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { Registry } from 'prom-client';
import type { Stored } from '../shared/control.ts';
import { createAdmin } from './admin.ts';
import { Alone } from './alone.ts';
import { beaconBytes, jsonBytes, Refusal, toRefusal, unpack } from './body.ts';
import { isForeign } from './foreign/ingest.ts';
import { openForeign } from './foreign/open.ts';
import { ForeignRetention } from './foreign/retention.ts';
import { Forwarder, type ForwardOptions } from './forward/forwarder.ts';
import { createForwardMetrics } from './forward/metrics.ts';
import type { Fault } from './head-check.ts';
import { createIngest } from './ingest.ts';
import { createMetricsIngest } from './ingest-metrics.ts';
import { addTo, Known } from './known.ts';
import { SegmentLog } from './log.ts';
import { type CollectorMetrics, createMetrics } from './metrics.ts';
import { allowOrigin, mayCall, preflightHeaders } from './origin.ts';
import type { OperatorPolicy } from './policy.ts';
import { type RateLimit, RateLimiter, senderOf } from './rate.ts';
import { coldFolder, openCold } from './retire/cold.ts';
import { eraseCold } from './retire/erase.ts';
import { ColdTables } from './retire/read.ts';
import { retire } from './retire/retire.ts';
import { Rollups } from './rollups.ts';
import { type SiteOptions, serveSite } from './site.ts';
import { Tables } from './tables/tables.ts';
import { Tail } from './tail.ts';
import { Tier0 } from './tier0.ts';
import { hashToken, readTokens, type Token } from './tokens.ts';
import { Upkeep } from './upkeep.ts';
import { Verification } from './verification.ts';

export interface CollectorOptions {
  /** Folder of the log; made if absent. */
  readonly data: string;
  readonly site?: SiteOptions;
  /** Origins besides the collector's own whose pages may send, such as `https://shop.example`. */
  readonly origins?: readonly string[];
  /** Public write keys of which a request must name one as `?key=`. None = no key is asked for. */
  readonly keys?: readonly string[];
  /** Model ids that may be a label of `/metrics`. */
  readonly models?: readonly string[];
  /** The admin listener, on loopback; `token` is one of the role admin besides those of tokens.json. */
  readonly admin?: { readonly port: number; readonly token?: string };
  /** Addresses or CIDR blocks of proxies whose X-Forwarded-For is believed. None = it is ignored. */
  readonly trustedProxies?: readonly string[];
  /** Asked for every answer. */
  readonly policy?: () => OperatorPolicy;
  readonly rateLimits?: { readonly address?: RateLimit; readonly key?: RateLimit };
  /** A body must have arrived within this time. Default 10 s. */
  readonly requestTimeout?: number;
  /** What the log may grow to; then 503 with Retry-After. Default: until 128 MiB are left on the disk. */
  readonly maxBytes?: number;
  /** A segment of the log that has grown over this is closed. Default 64 MiB. */
  readonly segmentBytes?: number;
  /** Keeps a Parquet table of each closed segment, for exact answers; needs @duckdb/node-api. Default false. */
  readonly tables?: boolean;
  /** Moves what is older than `hotDays` to cold storage, as tables: a folder, or `s3://bucket/prefix`. */
  readonly retention?: { readonly cold: string; readonly endpoint?: string; readonly hotDays: number };
  /** Attributes that are kept of log records of other SDKs, in a log of their own in `foreign`. None = they are refused. */
  readonly foreignAttributes?: readonly string[];
  /** Sends on everything that is stored to an OTLP/HTTP endpoint. */
  readonly forward?: ForwardOptions;
  /** Where JSON lines about the running go. Default: nowhere. */
  readonly logTo?: { write(line: string): void };
}

export interface Collector {
  /** @returns the address as `http://host:port` */
  listen(port: number, host?: string): Promise<string>;
  /** Address of the admin listener, once listening; absent where there is none. */
  readonly adminAddress: string | undefined;
  /** Answers what has begun, writes the head, frees the folder. Twice is harmless. */
  close(): Promise<void>;
  /** The HTTP application, for requests without a socket. */
  readonly app: FastifyInstance;
}

const defaultLimits = { address: { rate: 100, burst: 400 }, key: { rate: 1000, burst: 4000 } };
const upkeepInterval = 10_000;
const retireInterval = 3_600_000;
/** How long a client keeps off when the disk took nothing. */
const diskRetrySeconds = 5;

const keyOf = (request: FastifyRequest): string | undefined => {
  const { key } = request.query as { readonly key?: unknown };
  return typeof key === 'string' ? key : undefined;
};

/** Those of the folder's file, as it is now, and the one given at the start. */
function tokensOf(folder: string, given: string | undefined): () => Promise<readonly Token[]> {
  const own: readonly Token[] =
    given === undefined ? [] : [{ name: 'start', role: 'admin', hash: hashToken(given) }];
  return async () => [...own, ...(await readTokens(folder))];
}

/** What becomes of a body, behind the checks on its request. */
type Take = (
  body: Buffer,
  key: string | undefined,
) => Promise<{ readonly stored: readonly Stored[]; readonly rejected: Readonly<Record<string, number>> }>;

/** Both signals under one set of limits. `counted` is how OTLP calls what was refused. */
function addSignals(
  app: FastifyInstance,
  options: CollectorOptions,
  signals: readonly { readonly url: string; readonly counted: string; readonly take: Take }[],
  metrics: CollectorMetrics,
): void {
  const keys = new Set(options.keys);
  const origins = new Set(options.origins);
  const perAddress = new RateLimiter(options.rateLimits?.address ?? defaultLimits.address);
  const perKey = new RateLimiter(options.rateLimits?.key ?? defaultLimits.key);

  app.removeAllContentTypeParsers();
  const bytes = { parseAs: 'buffer' } as const;
  const asBytes = (_request: FastifyRequest, body: Buffer, done: (error: null, body: Buffer) => void) =>
    done(null, body);
  app.addContentTypeParser('application/json', { ...bytes, bodyLimit: jsonBytes }, asBytes);
  app.addContentTypeParser('text/plain', { ...bytes, bodyLimit: beaconBytes }, asBytes);

  for (const { url, counted, take } of signals)
    app.route({
      method: ['POST', 'OPTIONS'],
      url,
      onRequest: async (request, reply) => {
        allowOrigin(request, reply, origins);
        const key = keyOf(request);
        const now = performance.now();
        const wait =
          perAddress.take(senderOf(request.ip), now) ||
          (key !== undefined && keys.has(key) ? perKey.take(key, now) : 0);
        if (wait > 0) {
          reply.header('Retry-After', Math.ceil(wait / 1000));
          throw new Refusal(
            429,
            'too_many_requests',
            'Too many requests from one sender; Retry-After says when.',
          );
        }
        if (!mayCall(request, origins))
          throw new Refusal(403, 'bad_origin', 'This origin is not on the list of the collector.');
        const encoding = request.headers['content-encoding'] ?? 'identity';
        if (encoding !== 'gzip' && encoding !== 'identity')
          throw new Refusal(415, 'bad_encoding', 'The only content-encoding taken is gzip.');
      },
      handler: async (request, reply) => {
        if (request.method === 'OPTIONS') return reply.code(204).headers(preflightHeaders).send();
        if (!Buffer.isBuffer(request.body)) throw new Refusal(400, 'bad_json', 'The body is empty.');
        metrics.received(request.body.length);
        const { stored, rejected } = await take(unpack(request.body), keyOf(request));
        const refused = Object.values(rejected).reduce((sum, count) => sum + count, 0);
        // OTLP writes 64-bit integers as text.
        const partialSuccess = {
          [counted]: String(refused),
          errorMessage: `outside the schema: ${Object.keys(rejected).join(', ')}`,
        };
        const policy = options.policy?.() ?? {};
        return {
          ...(refused > 0 ? { partialSuccess } : {}),
          stored,
          rejected,
          ...(Object.keys(policy).length > 0 ? { policy } : {}),
        };
      },
      onResponse: async (_request, reply) => metrics.answered(reply.statusCode, reply.elapsedTime / 1000),
    });
}

/**
 * Opens the log, repairs what a crash left of it, and is then ready to listen.
 * @throws SondeError `storage_blocked` when another collector has the folder
 */
export async function createCollector(options: CollectorOptions): Promise<Collector> {
  const { requestTimeout = 10_000 } = options;
  const app = fastify({
    logger: options.logTo === undefined ? false : { level: 'info', stream: options.logTo, base: null },
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: jsonBytes,
    requestTimeout,
    // Node takes the greater of the two for the body, so both are set.
    http: { headersTimeout: requestTimeout, connectionsCheckingInterval: Math.min(1000, requestTimeout) },
    forceCloseConnections: 'idle',
    // Read from the right: what stands left of the first address that is no such proxy anyone could have written.
    trustProxy: options.trustedProxies === undefined ? false : [...options.trustedProxies],
  });
  const known = new Known();
  const tail = new Tail();
  const { segmentBytes, maxBytes } = options;
  const { retention } = options;
  const cold = retention && (await openCold(retention.cold, retention.endpoint));
  const retainedIn = retention && coldFolder(retention.cold);
  const tables = options.tables === true || cold ? await Tables.open(options.data) : undefined;
  const { log, walk, checkpoint, hasParts } = await SegmentLog.open(
    options.data,
    (entries, segment) => known.read(entries, segment),
    { segmentBytes, maxBytes, keeper: known },
  );
  const sayFaults = (faults: readonly Fault[]): void => {
    for (const fault of faults) app.log.error({ fault }, 'the log is damaged; run sonde audit verify');
  };
  sayFaults(walk.faults);
  if (walk.tail !== undefined)
    app.log.warn({ bytes: walk.tail.torn }, 'cut off an unfinished, unacknowledged end');
  const from = checkpoint === undefined ? 'its beginning' : 'its checkpoint';
  app.log.info({ records: walk.records, chunks: walk.chunks, from }, 'log opened');
  // Before the whole log is read again: a sweep behind its back would have it begin anew.
  if (log.erasures.unfinished.length > 0) {
    await log.sweep();
    app.log.info({ waiting: log.erasures.waiting }, 'erasures that were asked for are made');
  }
  // Without their parts, minutes before the checkpoint come from the reading in the background.
  const { rollups } = known;
  let older = new Rollups();
  const alone = new Alone();
  const verification =
    checkpoint === undefined
      ? undefined
      : new Verification(
          log,
          {
            begin: () => {
              older = new Rollups();
            },
            read: (entries, records, segment) => {
              if (!hasParts && records <= checkpoint.place.records) addTo(older, entries, segment);
            },
            done: (faults) => {
              rollups.adopt(older);
              log.completeParts();
              sayFaults(faults);
              app.log.info({ faults: faults.length }, 'the whole log is verified');
            },
          },
          () => alone.quiet(),
        );

  /** Absent while the whole log is still being read. */
  const faultsNow = () => (verification ?? walk).faults;
  const models = new Set(options.models);
  const tier0 = new Tier0(models);
  /** Metrics of what not every collector does. */
  const optional = new Registry();
  const metrics = createMetrics(
    models,
    () => known.records.missing,
    () => faultsNow()?.length ?? 0,
  );

  app.setErrorHandler((error: FastifyError | Refusal, _request, reply) => {
    const { status, code, message } = toRefusal(error);
    // A name and a code; a message could quote what was sent.
    if (status >= 500) app.log.error({ error: error.name, code: error.code }, 'request failed');
    if (status === 503) reply.header('Retry-After', diskRetrySeconds);
    metrics.refused(code);
    return reply.code(status).send({ code, message });
  });
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ code: 'not_found', message: 'Nothing is served at this address.' }),
  );
  app.addHook('onSend', async (_request, reply) => {
    reply.header('X-Content-Type-Options', 'nosniff');
  });
  const keys = new Set(options.keys);
  const ingest = createIngest({ log, stored: known.records, metrics, rollups, tail, keys });
  const foreign = await openForeign(options, log, keys, optional);
  addSignals(
    app,
    options,
    [
      {
        url: '/v1/logs',
        counted: 'rejectedLogRecords',
        take: (body, key) =>
          foreign?.ingest !== undefined && isForeign(body) ? foreign.ingest(body, key) : ingest(body, key),
      },
      {
        url: '/v1/metrics',
        counted: 'rejectedDataPoints',
        take: createMetricsIngest({ log, stored: known.exports, tier0, keys }),
      },
    ],
    metrics,
  );
  // Where a stock SDK looks: it gives up on a 404, and a person reads why.
  app.post('/v1/traces', (_request, reply) =>
    reply
      .code(404)
      .send({ code: 'no_traces', message: 'Spans are not kept here. Send them to another OTLP endpoint.' }),
  );
  app.get('/healthz', async () => {
    const faults = faultsNow();
    const count = faults?.length ?? 0;
    return { status: count === 0 ? 'ok' : 'damaged', faults: count, verified: faults !== undefined };
  });
  app.get('/metrics', async (_request, reply) =>
    reply
      .type(Registry.PROMETHEUS_CONTENT_TYPE)
      .send((await metrics.text()) + tier0.text() + (await optional.metrics())),
  );
  if (options.site !== undefined) await serveSite(app, options.site);

  const forwarders: Forwarder[] = [];
  const logs = [log, ...(foreign === undefined ? [] : [foreign.log])];
  const behind = (): number =>
    forwarders.reduce((sum, { segment }, i) => sum + (logs[i]?.end.segment ?? 0) - segment, 0);
  const forwardMetrics = options.forward && createForwardMetrics(optional, behind);
  if (options.forward !== undefined && forwardMetrics !== undefined)
    for (const each of logs)
      forwarders.push(
        await Forwarder.start({
          ...options.forward,
          folder: each.folder,
          end: () => each.end,
          metrics: forwardMetrics,
        }),
      );
  const foreignRetention =
    foreign && retention ? await ForeignRetention.open(foreign.log, retention) : undefined;
  let retireAt = 0;
  const upkeep =
    tables &&
    new Upkeep(
      upkeepInterval,
      async () => {
        const made = await tables.refresh();
        if (made > 0) app.log.info({ made }, 'tables made');
        // Damage stays where it can be looked at.
        if (cold === undefined || Date.now() < retireAt || faultsNow()?.length !== 0) return;
        retireAt = Date.now() + retireInterval;
        const erased = await eraseCold({ log, tables, cold });
        const retired = await retire({
          log,
          tables,
          cold,
          hotDays: retention?.hotDays ?? 90,
          stayFrom: forwarders[0]?.segment,
        });
        if (retired + erased > 0) app.log.info({ retired, erased }, 'cold storage');
        const told = await foreignRetention?.round(forwarders[1]?.segment);
        if (told && told.retired + told.erased > 0) app.log.info(told, "cold storage of other SDKs' records");
      },
      (error) => app.log.error({ error: error instanceof Error ? error.name : 'unknown' }, 'upkeep failed'),
    );
  const admin =
    options.admin === undefined
      ? undefined
      : createAdmin({
          alone,
          folder: log.folder,
          log,
          foreign: foreign?.log,
          tail,
          rollups: () => (hasParts || faultsNow() !== undefined ? rollups : undefined),
          faults: faultsNow,
          tables,
          cold:
            retainedIn === undefined || tables === undefined
              ? undefined
              : new ColdTables(retainedIn, tables, log),
          tokens: tokensOf(log.folder, options.admin.token),
        });
  let closing: Promise<void> | undefined;

  async function drain(): Promise<void> {
    // A closing server no longer times anybody out: who is slower than a request may take is cut off.
    const deadline = setTimeout(() => app.server.closeAllConnections(), requestTimeout);
    tail.close();
    await Promise.all([app.close(), admin?.close()]);
    clearTimeout(deadline);
    await verification?.stop();
    await upkeep?.stop();
    await Promise.all(forwarders.map((forwarder) => forwarder.stop()));
    tables?.close();
    foreignRetention?.close();
    await foreign?.log.close();
    await log.close();
  }

  return {
    app,
    get adminAddress() {
      const address = admin?.server.address() as AddressInfo | null | undefined;
      return address ? `http://127.0.0.1:${address.port}` : undefined;
    },
    async listen(port, host = '127.0.0.1') {
      await admin?.listen({ port: options.admin?.port ?? 0, host: '127.0.0.1' });
      return app.listen({ port, host });
    },
    close: () => {
      closing ??= drain();
      return closing;
    },
  };
}
