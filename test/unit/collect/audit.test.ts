import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runAudit as run } from './audit-run.ts';
import { makeChunk, newSession } from './chunk.ts';
import { startCollector } from './start.ts';

async function collected() {
  const { collector, data, post } = await startCollector();
  const session = newSession();
  const chunks = [makeChunk(session, 0, 3), makeChunk(session, 3, 2)];
  for (const { body } of chunks) await post(body);
  await collector.close();
  return { data, records: chunks.flatMap(({ records }) => records) };
}

describe('sonde audit', () => {
  it('verifies a log in order', async () => {
    const { data } = await collected();
    const { status, stdout } = await run('verify', '--data', data);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^intact: 5 records in 2 chunks, 1 segments, head [0-9a-f]{64}\n$/);
  });

  it('says where a log was changed, and exits with 1', async () => {
    const { data } = await collected();
    const path = join(data, 'segment-00000001.ndjson');
    await writeFile(path, (await readFile(path, 'utf8')).replace('"outcome":"ok"', '"outcome":"error"'));
    const { status, stdout } = await run('verify', '--data', data);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^segment-00000001\.ndjson:2: its entry was changed\n1 fault\(s\): /);
    expect((await run('export', '--data', data)).status).toBe(1);
  });

  it('prints the records as NDJSON, in the order they came', async () => {
    const { data, records } = await collected();
    const { status, stdout } = await run('export', '--data', data);
    expect(status).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { record: unknown }).record)).toEqual(records);
  });

  it('prints the head and the key, and holds a log against a head that was kept', async () => {
    const { data } = await collected();
    const head = await run('head', '--data', data);
    expect(JSON.parse(head.stdout)).toMatchObject({ records: 5, segment: 1 });
    const kept = join(data, 'kept.json');
    await writeFile(kept, head.stdout);
    const { stdout: key } = await run('key', '--data', data);
    expect(key).toBe(await readFile(join(data, 'signing.pub'), 'utf8'));
    expect((await run('verify', '--head', kept, '--data', data)).status).toBe(0);
    const path = join(data, 'segment-00000001.ndjson');
    await writeFile(path, (await readFile(path, 'utf8')).split('\n').slice(0, 5).join('\n').concat('\n'));
    const { status, stdout } = await run('verify', '--head', kept, '--data', data);
    expect(status).toBe(1);
    expect(stdout).toContain(
      'segment-00000001.ndjson:5: the saved head: the log ends here, at record 3 of 5: its end was removed\n',
    );
    await writeFile(kept, '{"format":1}');
    await expect(run('verify', '--head', kept, '--data', data)).rejects.toMatchObject({
      code: 'invalid_argument',
    });
  });

  it.each([[], ['verify', 'export'], ['repair']])('refuses to guess what %j means', async (...argv) => {
    await expect(run(...argv)).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  it('says that a folder does not exist', async () => {
    await expect(run('verify', '--data', '/nowhere/at/all')).rejects.toMatchObject({
      code: 'file_not_found',
    });
  });
});
