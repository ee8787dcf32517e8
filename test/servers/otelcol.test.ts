import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createCollector } from '../../src/collect/server.ts';
import { MergingHistogram } from '../../src/schema/exponential.ts';
import { makeChunk, newSession } from '../unit/collect/chunk.ts';
import { metricsExport } from '../unit/collect/metrics-export.ts';
import { builtServer, freePort, howToBuild } from './built.ts';

const manifest = readFileSync(new URL('./otelcol.yaml', import.meta.url), 'utf8');
const builder = 'go.opentelemetry.io/collector/cmd/builder@v0.158.0';

const binary = builtServer({
  name: 'otelcol',
  source: manifest,
  build(folder, go) {
    go(['go', 'install', builder]);
    go(['bash', '-c', 'cat > builder.yaml <<< "$0"', manifest]);
    go(['builder', '--config', 'builder.yaml', '--ldflags=-s -w']);
    return join(folder, 'build', 'otelcol');
  },
});
if (binary === undefined && process.env.CI !== undefined)
  throw new Error(`There is no OpenTelemetry Collector to test against. ${howToBuild}.`);
if (binary === undefined) console.warn(`SKIPPED: no OpenTelemetry Collector here. ${howToBuild}.`);

interface Otelcol {
  readonly endpoint: string;
  /** What its file exporter wrote: one OTLP/JSON export a line. */
  written(): Promise<string>;
  start(): void;
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** The real one, not yet started: an OTLP/HTTP receiver that takes so many bytes, and a file behind it. */
async function prepare(mostBytes: number): Promise<Otelcol> {
  const folder = await mkdtemp(join(tmpdir(), 'sonde-otelcol-'));
  const address = `127.0.0.1:${await freePort()}`;
  const file = join(folder, 'out.ndjson');
  const config = join(folder, 'config.yaml');
  await writeFile(
    config,
    `
receivers: { otlp: { protocols: { http: { endpoint: "${address}", max_request_body_size: ${mostBytes} } } } }
exporters: { file: { path: "${file}", append: true, flush_interval: 100ms } }
service:
  telemetry: { logs: { level: error }, metrics: { level: none } }
  pipelines:
    logs: { receivers: [otlp], exporters: [file] }
    metrics: { receivers: [otlp], exporters: [file] }
`,
  );
  let child: ChildProcess | undefined;
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  };
  onTestFinished(async () => {
    await kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });
  return {
    endpoint: `http://${address}`,
    written: () => readFile(file, 'utf8').catch(() => ''),
    start: () => {
      child = spawn(binary ?? '', ['--config', config], { stdio: 'inherit' });
    },
    kill,
  };
}

async function startCollector(endpoint: string) {
  const data = await mkdtemp(join(tmpdir(), 'sonde-'));
  const collector = await createCollector({ data, forward: { endpoint } });
  const address = await collector.listen(0);
  onTestFinished(async () => {
    await collector.close();
    await rm(data, { recursive: true, force: true });
  });
  const post = async (signal: string, body: string) => {
    const headers = { 'content-type': 'application/json' };
    const { status } = await fetch(`${address}/v1/${signal}`, { method: 'POST', headers, body });
    expect(status).toBe(200);
  };
  return { address, post };
}

const idsIn = (text: string) =>
  [...text.matchAll(/"sonde\.record\.id","value":\{"stringValue":"([^"]+)"/g)].map(([, id]) => id);

describe.skipIf(binary === undefined)("OpenTelemetry's Collector 0.158.0", () => {
  it('has every record that was stored while it was away, killed and back, and what is in it', async () => {
    const otelcol = await prepare(1024 * 1024);
    const { post } = await startCollector(otelcol.endpoint);
    const expected: string[] = [];
    const send = async (chunks: number) => {
      for (let i = 0; i < chunks; i++) {
        const { records, body } = makeChunk(newSession(), 0, 50);
        await post('logs', body);
        expected.push(...records.map(({ recordId }) => recordId));
      }
    };
    await send(4);
    otelcol.start();
    await expect.poll(async () => idsIn(await otelcol.written()).length, { timeout: 30_000 }).toBe(200);
    await otelcol.kill('SIGKILL');
    await send(4);
    otelcol.start();
    await expect
      .poll(async () => new Set(idsIn(await otelcol.written())).size, { timeout: 30_000 })
      .toBe(expected.length);
    expect(idsIn(await otelcol.written())).toEqual(expected);
    const [first = '{}'] = (await otelcol.written()).split('\n');
    expect(JSON.parse(first)).toMatchObject({
      resourceLogs: [
        {
          scopeLogs: [
            { scope: { name: 'sonde' }, logRecords: [{ eventName: 'sonde.request' }, ...Array(49).fill({})] },
          ],
        },
        {},
        {},
        {},
      ],
    });
  });

  it('has the numbers of tier 0', async () => {
    const otelcol = await prepare(1024 * 1024);
    otelcol.start();
    const { post } = await startCollector(otelcol.endpoint);
    const entropy = new MergingHistogram();
    for (const value of [0.5, 1, 2, 2]) entropy.add(value);
    const session = newSession();
    await post(
      'metrics',
      JSON.stringify(metricsExport({ session, seq: 0, requests: 5, entropy, introspection: [0.1, 0.3] })),
    );
    await expect.poll(otelcol.written, { timeout: 30_000 }).toContain('sonde.token.entropy');
    const text = await otelcol.written();
    const metrics = JSON.parse(text.split('\n')[0] ?? '{}').resourceMetrics[0].scopeMetrics[0].metrics;
    expect(metrics).toMatchObject([
      { name: 'sonde.requests', sum: { aggregationTemporality: 1, dataPoints: [{ asInt: '5' }] } },
      { name: 'sonde.introspection.duration', histogram: { dataPoints: [{ count: '2', sum: 0.4 }] } },
      { name: 'sonde.token.entropy', exponentialHistogram: { dataPoints: [{ count: '4', sum: 5.5 }] } },
    ]);
  });

  it('gets in pieces what is over its limit, for which it answers 400', async () => {
    const otelcol = await prepare(20_000);
    otelcol.start();
    const { post, address } = await startCollector(otelcol.endpoint);
    const { records, body } = makeChunk(newSession(), 0, 50);
    await post('logs', body);
    await expect.poll(async () => idsIn(await otelcol.written()).length, { timeout: 30_000 }).toBe(50);
    expect(idsIn(await otelcol.written())).toEqual(records.map(({ recordId }) => recordId));
    expect(await (await fetch(`${address}/metrics`)).text()).toContain(
      'sonde_forward_items_total{signal="logs"} 50',
    );
  });
});
