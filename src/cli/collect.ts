import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { isIP } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ParseArgsConfig } from 'node:util';
import type { ForwardOptions } from '../collect/forward/forwarder.ts';
import { type Collector, createCollector } from '../collect/server.ts';
import { SondeError } from '../shared/errors.ts';
import { readArguments } from './arguments.ts';
import { followPolicy } from './policy.ts';
import { withSettings } from './settings.ts';
import { daysOf } from './store.ts';
import { manageTokens } from './tokens.ts';

const help = `sonde collect: takes masked telemetry and keeps it; serves the playground

  --port N            default 4318; 0 takes a free one
  --host ADDRESS      default 127.0.0.1
  --data DIR          where the log is kept, default .sonde/data
  --max-bytes N       the log may grow to this; from then on 503 with Retry-After. In any case it stops while
                      128 MiB are left on the disk
  --tables            keeps a Parquet table of each closed segment in DIR/tables, from which exact queries are
                      answered; needs the package @duckdb/node-api
  --cold PLACE        segments all of which is older than --hot-days go there as tables, a folder or
                      s3://bucket/prefix (needs the package @aws-sdk/client-s3), and are deleted here. Not while a hold
                      is over them
  --cold-endpoint URL of a server that speaks S3 and is not Amazon's
  --hot-days N        default 90
  --forward URL       sends on all that is stored to an OTLP/HTTP endpoint, URL/v1/logs and URL/v1/metrics; the log is
                      the queue
  --forward-header NAME=VALUE  for the endpoint; may be repeated
  --foreign-attribute NAME  kept of log records that other OpenTelemetry SDKs send, in a log of their own in DIR/foreign;
                      all else of them is dropped and counted; may be repeated. Without it they are refused
  --site DIR          the built playground to serve, default the package's own
  --no-isolation      serve it without COOP/COEP (one thread)
  --allow-hub         let the page fetch models from huggingface.co
  --origin ORIGIN     a page on this origin may send; may be repeated
  --key KEY           a public write key; with any, a request needs one as ?key=; may be repeated
  --trust-proxy ADDRESS  a proxy (address or CIDR block) whose X-Forwarded-For names the sender that is rate
                      limited; may be repeated. Without it that header is ignored
  --policy FILE       JSON {"off": true} and/or {"sampling": 0.1} that every answer carries to the pages; with
                      \`off\` they stop sending. Read again on SIGHUP
  --admin-port N      read API on 127.0.0.1; its token is SONDE_ADMIN_TOKEN, or made and printed
                      (role admin). sonde collect token add --name NAME --role viewer|analyst|auditor|admin makes
                      more; token list and token remove --name NAME; all with --data DIR
  --open-playground   fail if there is no playground to serve

  --config FILE       JSON of these options, such as {"port": 4318, "origin": ["https://shop.example"]}

An option may also stand in the environment (--trust-proxy is SONDE_COLLECT_TRUST_PROXY, several with commas). The
command line wins over the environment, and that over the file.
Lines for people go to stdout, JSON log lines to stderr. SIGTERM and Ctrl-C finish what has begun.
`;

/** The nearest folder above this file that holds a package.json: src when developing, dist when installed. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

function portOf(option: string, text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new SondeError(
    'invalid_argument',
    `--${option} ${text} is no port.`,
    'Name a number from 0 to 65535.',
  );
}

function bytesOf(text: string): number {
  const bytes = Number(text);
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new SondeError(
    'invalid_argument',
    `--max-bytes ${text} is no size.`,
    'Name a whole number of bytes, such as 10000000000.',
  );
}

const protocolOf = (address: string): string => (URL.canParse(address) ? new URL(address).protocol : '');

/** @throws SondeError `invalid_argument` */
function forwardOf(endpoint: string, headers: readonly string[]): ForwardOptions {
  if (!/^https?:$/.test(protocolOf(endpoint)))
    throw new SondeError(
      'invalid_argument',
      `--forward ${endpoint} is no address.`,
      'Name a base URL such as http://127.0.0.1:4319; /v1/logs is appended.',
    );
  const pairs = headers.map((header): [string, string] => {
    const cut = header.indexOf('=');
    if (cut > 0) return [header.slice(0, cut), header.slice(cut + 1)];
    // It may be a secret, so it is not repeated.
    throw new SondeError(
      'invalid_argument',
      'A --forward-header has no value.',
      'Write it as NAME=VALUE, such as Authorization=Bearer TOKEN.',
    );
  });
  return { endpoint: endpoint.replace(/\/$/, ''), headers: Object.fromEntries(pairs) };
}

const retentionOf = (
  cold: string,
  values: { readonly 'hot-days': string; readonly 'cold-endpoint'?: string | undefined },
) => ({
  cold,
  hotDays: daysOf(values['hot-days']),
  ...(values['cold-endpoint'] === undefined ? {} : { endpoint: values['cold-endpoint'] }),
});

/** @throws SondeError `invalid_argument` unless it is an IP address or a CIDR block */
function proxyOf(text: string): string {
  const [address = '', prefix = '0', ...more] = text.split('/');
  const version = isIP(address);
  const isPrefix = /^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128);
  if (version !== 0 && isPrefix && more.length === 0) return text;
  throw new SondeError(
    'invalid_argument',
    `--trust-proxy ${text} is no address.`,
    'Name an IP address such as 10.0.0.1, or a block such as 10.0.0.0/8.',
  );
}

/** Models that the site itself serves: their ids may be labels of /metrics. */
async function modelsOf(site: string | undefined): Promise<readonly string[]> {
  if (site === undefined) return [];
  return readdir(join(site, 'models')).catch(() => []);
}

function untilSignal(): Promise<void> {
  return new Promise((done) => {
    process.once('SIGTERM', () => done());
    process.once('SIGINT', () => done());
  });
}

async function listen(collector: Collector, port: number, host: string): Promise<string> {
  try {
    return await collector.listen(port, host);
  } catch (error) {
    await collector.close();
    if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error;
    throw new SondeError(
      'invalid_argument',
      `Port ${port} on ${host} is in use.`,
      'Name another with --port.',
      {
        cause: error,
      },
    );
  }
}

const options = {
  name: { type: 'string' },
  role: { type: 'string', default: 'viewer' },
  port: { type: 'string', default: '4318' },
  host: { type: 'string', default: '127.0.0.1' },
  data: { type: 'string', default: join('.sonde', 'data') },
  site: { type: 'string' },
  'no-isolation': { type: 'boolean', default: false },
  'allow-hub': { type: 'boolean', default: false },
  origin: { type: 'string', multiple: true, default: [] },
  key: { type: 'string', multiple: true, default: [] },
  'trust-proxy': { type: 'string', multiple: true, default: [] },
  policy: { type: 'string' },
  'admin-port': { type: 'string' },
  'open-playground': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
  config: { type: 'string' },
  'max-bytes': { type: 'string' },
  tables: { type: 'boolean', default: false },
  cold: { type: 'string' },
  'foreign-attribute': { type: 'string', multiple: true, default: [] },
  forward: { type: 'string' },
  'forward-header': { type: 'string', multiple: true, default: [] },
  'cold-endpoint': { type: 'string' },
  'hot-days': { type: 'string', default: '90' },
} as const satisfies NonNullable<ParseArgsConfig['options']>;

/** `sonde collect`: runs until SIGTERM or SIGINT. */
export async function collect(argv: readonly string[]): Promise<number> {
  const { config } = readArguments(argv, options).values;
  const settings = await withSettings(argv, options, config, process.env);
  const { values, positionals } = readArguments(settings, options);
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  if (positionals.length > 0) return manageTokens(positionals, values);
  const folder = values.site === undefined ? join(packageRoot(), 'dist', 'playground') : resolve(values.site);
  const site = existsSync(join(folder, 'index.html')) ? folder : undefined;
  if (site === undefined && (values.site !== undefined || values['open-playground']))
    throw new SondeError(
      'file_not_found',
      `There is no built playground in ${folder}.`,
      'Run `npm run build:playground`, or name its folder with --site.',
    );
  const adminPort = values['admin-port'];
  const token = process.env.SONDE_ADMIN_TOKEN ?? randomBytes(24).toString('base64url');
  const trustedProxies = values['trust-proxy'].map(proxyOf);
  const policy = await followPolicy(values.policy);
  const collector = await createCollector({
    data: values.data,
    origins: values.origin,
    keys: values.key,
    trustedProxies,
    policy: policy.current,
    ...(values['max-bytes'] === undefined ? {} : { maxBytes: bytesOf(values['max-bytes']) }),
    tables: values.tables,
    foreignAttributes: values['foreign-attribute'],
    ...(values.forward === undefined ? {} : { forward: forwardOf(values.forward, values['forward-header']) }),
    ...(values.cold === undefined ? {} : { retention: retentionOf(values.cold, values) }),
    models: await modelsOf(site),
    logTo: process.stderr,
    ...(site === undefined
      ? {}
      : { site: { folder: site, isolation: !values['no-isolation'], allowHub: values['allow-hub'] } }),
    ...(adminPort === undefined ? {} : { admin: { port: portOf('admin-port', adminPort), token } }),
  });
  const address = await listen(collector, portOf('port', values.port), values.host);
  process.stdout.write(site === undefined ? `Collector: ${address}/v1/logs\n` : `Playground: ${address}/\n`);
  if (collector.adminAddress !== undefined)
    process.stdout.write(
      `Admin: ${collector.adminAddress}/api/summary${process.env.SONDE_ADMIN_TOKEN === undefined ? ` (token ${token})` : ''}\n`,
    );
  await untilSignal();
  await collector.close();
  policy.stop();
  return 0;
}
