import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createCollector } from '../../src/collect/server.ts';
import { chunkOf, maskedRecord, newSession } from '../unit/collect/chunk.ts';
import { metricsExport } from '../unit/collect/metrics-export.ts';

const found = spawnSync('promtool', ['--version']).error === undefined;
if (!found && process.env.CI !== 'true')
  console.warn(
    'SKIPPED: no promtool here. Debian has it in the package `prometheus`; with CI=true this is a failure.',
  );

const rulesTest = fileURLToPath(new URL('./sonde.rules.test.yml', import.meta.url));

describe.skipIf(!found && process.env.CI !== 'true')('promtool', () => {
  it('fires the burn-rate alerts of docs/prometheus when it should, and only then', () => {
    const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', rulesTest], {
      encoding: 'utf8',
    });
    expect([status, stderr], stdout).toEqual([0, '']);
  });

  it('finds nothing to say about /metrics', async () => {
    expect(found, 'promtool is missing: apt-get install prometheus').toBe(true);
    const data = await mkdtemp(join(tmpdir(), 'sonde-'));
    const collector = await createCollector({
      data,
      models: ['shakespeare-gpt'],
      forward: { endpoint: 'http://127.0.0.1:9' },
    });
    try {
      const address = await collector.listen(0);
      const records = [
        maskedRecord(),
        maskedRecord({ modelId: 'x/y' }),
        { ...maskedRecord(), cohort: 'no good' },
      ];
      const body = JSON.stringify(chunkOf({ session: newSession(), epoch: 0, seq: 1 }, records));
      for (const sent of [body, body, '{}'])
        await fetch(`${address}/v1/logs`, { method: 'POST', body: sent });
      const session = newSession();
      for (const seq of [0, 1])
        await fetch(`${address}/v1/metrics`, {
          method: 'POST',
          body: JSON.stringify(metricsExport({ session, seq, requests: 2, introspection: [0.1, 0.3] })),
        });
      const metrics = await (await fetch(`${address}/metrics`)).text();
      expect(metrics).toContain('sonde_tier0_requests_total{model="other",outcome="ok"} 4');
      expect(metrics).toContain('sonde_collector_records_rejected_total{reason="invalid.cohort"} 1');
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
        input: metrics,
        encoding: 'utf8',
      });
      expect([status, stdout, stderr]).toEqual([0, '', '']);
    } finally {
      await collector.close();
      await rm(data, { recursive: true, force: true });
    }
  });
});
