import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stage } from './scene.ts';
import { listen } from './site.ts';
import { emit, eventsOf, eventually, expectSettled, journalled, ledgerOf, names, serve } from './visit.ts';

const play = stage();

interface Posted {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const posted: Posted[] = [];
let otlp: string;
let server: Server;

/** As the OpenTelemetry Collector answers over HTTP: JSON only, no ranges; what it refuses it counts. */
beforeAll(async () => {
  server = createServer(async (request, response) => {
    const { url: path = '', headers, method } = request;
    response.setHeader('access-control-allow-origin', headers.origin ?? '*');
    response.setHeader('access-control-allow-headers', 'content-type, content-encoding, x-token');
    if (method === 'OPTIONS') return response.writeHead(204).end();
    if (headers['content-type'] !== 'application/json') return response.writeHead(415).end();
    const body = await text(headers['content-encoding'] === 'gzip' ? request.pipe(createGunzip()) : request);
    posted.push({ path, headers, body });
    return response
      .setHeader('content-type', 'application/json')
      .end(JSON.stringify(path === '/strict/v1/logs' ? refused : {}));
  });
  otlp = await listen(server);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const refused = { partialSuccess: { rejectedLogRecords: '1' } };

const at = (path: string): readonly Posted[] => posted.filter((each) => each.path === path);

describe.concurrent('any OTLP/HTTP endpoint', () => {
  it(
    'gets JSON with its headers, both signals; a 2xx acknowledges, what it refuses is counted',
    play(async ({ open }) => {
      const page = await open({ to: 'otlp', endpoint: `${otlp}/strict/` });
      await serve(page, 30);
      await page.evaluate(() => window.harness.flush());
      await expectSettled(page, {
        emitted: 3,
        acknowledged: 2,
        dropped: { rejected_unspecified: 1 },
        metrics: { emitted: 30, acknowledged: 30, pending: 0, dropped: {} },
      });
      expect(at('/strict/v1/logs')[0]?.headers).toMatchObject({ 'x-token': 'secret' });
      expect(JSON.parse(at('/strict/v1/metrics')[0]?.body ?? '')).toMatchObject({
        resourceMetrics: [{ scopeMetrics: [{ metrics: expect.any(Array) }] }],
      });
      await eventually(async () => expect(await journalled(page)).toBe(0));
    }),
  );

  it(
    'gets what is unsent when the page goes, by a fetch that outlives it',
    play(async ({ open }) => {
      const page = await open({ to: 'otlp', endpoint: `${otlp}/exit` });
      await serve(page, 4);
      await page.waitForTimeout(200);
      await page.goto('about:blank');
      // At least once: such an endpoint removes nothing that comes twice.
      await eventually(() => {
        expect(at('/exit/v1/logs')).not.toHaveLength(0);
        expect(at('/exit/v1/metrics')).not.toHaveLength(0);
      });
    }),
  );
});

describe.concurrent('a function', () => {
  it(
    'is given masked OTLP/JSON; what it throws is counted, and it is asked again',
    play(async ({ open }) => {
      const page = await open({ to: 'function' });
      await page.evaluate(() => {
        const { backend } = window.harness;
        let calls = 0;
        window.harness.backend = (taken) => {
          calls += 1;
          if (calls === 1) throw new Error('not now');
          if (calls === 2) return Promise.reject(new Error('not now either'));
          return backend(taken);
        };
      });
      await emit(page, names(10));
      await expectSettled(page, { emitted: 10, acknowledged: 10 });
      const failures = (await eventsOf(page)).filter(({ reason }) => reason === 'backend_failed');
      expect(failures).toHaveLength(2);
      const exported = await page.evaluate(() => window.harness.exported);
      expect(exported.map(({ signal, records }) => [signal, records])).toEqual([['logs', 10]]);
      expect(exported[0]?.body).toContain('"eventName":"sonde.request"');
      await page.evaluate(() => window.harness.setConsent('denied'));
      await emit(page, names(2));
      await page.waitForTimeout(1300);
      expect(await page.evaluate(() => window.harness.exported.length)).toBe(1);
    }),
  );

  it(
    'that never answers holds up nothing: records are made and journalled on',
    play(async ({ open }) => {
      const page = await open({ to: 'function' });
      await page.evaluate(() => {
        window.harness.backend = () => new Promise<void>(() => undefined);
      });
      await emit(page, names(60));
      await emit(page, names(60, 's'));
      await eventually(async () => expect(await journalled(page)).toBe(120));
      expect(await ledgerOf(page)).toMatchObject({ emitted: 120, pending: 120 });
    }),
  );

  it(
    'is given the last records in the very task in which the page goes',
    play(async ({ open, site }) => {
      const page = await open({ to: 'function' });
      await page.evaluate(() => {
        window.harness.backend = ({ signal, records }) => localStorage.setItem(signal, String(records));
      });
      await serve(page, 7);
      await page.waitForTimeout(200);
      await page.goto(`${site}/nothing`);
      expect(await page.evaluate(() => ({ ...localStorage }))).toEqual({ logs: '1', metrics: '7' });
    }),
  );
});

describe.concurrent('the console', () => {
  it(
    'shows each export, which then is settled',
    play(async ({ open }) => {
      const page = await open({ to: 'console' });
      const lines: string[] = [];
      page.on('console', (message) => lines.push(message.text()));
      await serve(page, 11);
      await page.evaluate(() => window.harness.flush());
      await expectSettled(page, { emitted: 2, acknowledged: 2 });
      expect(lines.map((line) => line.split(' ').slice(0, 3).join(' ')).sort()).toEqual([
        'sonde: 11 measurements',
        'sonde: 2 records',
      ]);
    }),
  );
});
