import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { store } from '../../../src/cli/store.ts';
import { listSegments } from '../../../src/collect/folder.ts';
import { askLog, type Question } from '../../../src/collect/query.ts';
import { askTables } from '../../../src/collect/tables/ask.ts';
import { quoted } from '../../../src/collect/tables/duck.ts';
import { tablePath } from '../../../src/collect/tables/path.ts';
import { textOf } from '../../../src/collect/tables/table.ts';
import { Tables } from '../../../src/collect/tables/tables.ts';
import { milliseconds, probability } from '../../../src/shared/units.ts';
import { runAudit } from './audit-run.ts';
import { chunkOf, maskedRecord, newSession } from './chunk.ts';
import { metricsExport } from './metrics-export.ts';
import { startCollector, storedIds } from './start.ts';

async function openTables(folder: string): Promise<Tables> {
  const tables = await Tables.open(folder);
  onTestFinished(() => tables.close());
  return tables;
}

/** A closed log over several segments: requests of two cohorts, outcomes' neighbours and an export of tier 0. */
async function filledLog() {
  const { data, collector, post, address } = await startCollector({ segmentBytes: 20_000 });
  const sessions = [newSession(), newSession()];
  for (let i = 0; i < 8; i++) {
    const records = Array.from({ length: 10 }, (_, j) =>
      maskedRecord({
        duration: milliseconds(i * 10 + j),
        cohort: j % 3 === 0 ? 'a' : "o'b",
        outcome: j === 9 ? 'error' : 'ok',
        inclusionProbability: probability(j % 2 === 0 ? 1 : 0.25),
        ...(j % 3 === 0 ? { signalProbability: probability(0.125) } : {}),
      }),
    );
    const chunk = { session: sessions[i % 2] ?? '', epoch: 0, seq: i * 10 };
    await post(JSON.stringify(chunkOf(chunk, records)));
  }
  await fetch(`${address}/v1/metrics`, {
    method: 'POST',
    body: JSON.stringify(metricsExport({ session: sessions[0] ?? '', seq: 0, requests: 3 })),
  });
  await collector.close();
  return { data, sessions };
}

const ever: Question = { from: 0, to: Number.MAX_SAFE_INTEGER, by: [] };
const byName = (rows: readonly object[]) =>
  [...rows].sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));

describe('tables', () => {
  it('answer as the log itself does, closed segments and the open one together', async () => {
    const { data } = await filledLog();
    const tables = await openTables(data);
    expect(await tables.refresh()).toBe((await listSegments(data)).length - 1);
    expect((await listSegments(data)).length).toBeGreaterThan(2);
    for (const question of [
      ever,
      { ...ever, by: ['cohort', 'outcome'] as const },
      { ...ever, cohort: "o'b", by: ['model'] as const },
      { ...ever, to: 1000 },
    ]) {
      const truth = await askLog(data, question);
      expect(byName(await askTables(tables, question))).toEqual(byName(truth));
    }
  });

  it('hold what their segments hold, to the byte, and are made once', async () => {
    const { data } = await filledLog();
    const tables = await openTables(data);
    await tables.refresh();
    expect(await tables.refresh()).toBe(0);
    for (const { path } of (await listSegments(data)).slice(0, -1))
      expect(await textOf(tables.duck, tablePath(path))).toBe(await readFile(path, 'utf8'));
  });

  it('are made again for what an erasure changed, and keep nothing of it', async () => {
    const { data, sessions } = await filledLog();
    const tables = await openTables(data);
    await tables.refresh();
    const before = await readdir(join(data, 'tables'));
    await runAudit('erase', '--session', sessions[0] ?? '', '--data', data);
    expect((await readdir(join(data, 'tables'))).length).toBeLessThan(before.length);
    expect(await askTables(tables, ever)).toEqual(await askLog(data, ever));
    await tables.refresh();
    const rows = await tables.duck.rows(`SELECT "recordId", session, entry FROM (${await tables.source()})`);
    expect(JSON.stringify(rows)).not.toContain(sessions[0]);
    const kept = rows.flatMap(({ recordId }) => (recordId === null ? [] : [recordId]));
    expect(new Set(kept)).toEqual(new Set(await storedIds(data)));
    for (const { path } of (await listSegments(data)).slice(0, -1))
      expect(await textOf(tables.duck, tablePath(path))).toBe(await readFile(path, 'utf8'));
    expect((await runAudit('verify', '--data', data)).status).toBe(0);
  });

  it('are Parquet that says which format it has', async () => {
    const { data } = await filledLog();
    const tables = await openTables(data);
    await tables.refresh();
    const [first] = await listSegments(data);
    const [row] = await tables.duck.rows(
      `SELECT decode(value) AS label FROM parquet_kv_metadata(${quoted(tablePath(first?.path ?? ''))})`,
    );
    expect(JSON.parse(String(row?.label))).toMatchObject({ format: 1 });
  });
});

describe('sonde store rebuild', () => {
  it('makes the tables of a stopped collector anew, which then answers from them', async () => {
    const { data } = await filledLog();
    expect(await store(['rebuild', '--data', data])).toBe(0);
    const made = (await readdir(join(data, 'tables'))).length;
    expect(made).toBe((await listSegments(data)).length - 1);
    const { collector } = await startCollector({ data, tables: true, admin: { port: 0, token: 'secret' } });
    await expect(store(['rebuild', '--data', data])).rejects.toMatchObject({ code: 'storage_blocked' });
    const answer = await fetch(`${collector.adminAddress}/api/query?exact=1&by=cohort`, {
      headers: { authorization: 'Bearer secret' },
    });
    expect(await answer.json()).toEqual({
      source: 'tables',
      exact: true,
      groups: expect.arrayContaining([...(await askLog(data, { ...ever, by: ['cohort'] }))]),
    });
  });
});
