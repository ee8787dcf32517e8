import { spawnSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { subjectOf } from '../../../src/collect/erasures.ts';
import { walkLog } from '../../../src/collect/walk.ts';
import { maskRecord } from '../../../src/mask/mask.ts';
import { textMask } from '../../../src/mask/prose.ts';
import { sampleRecord } from '../schema/sample.ts';
import { editLines, runAudit } from './audit-run.ts';
import { chunkOf, makeChunk, maskedRecord, newSession } from './chunk.ts';
import { readSegments, startCollector, storedIds, temporaryFolder } from './start.ts';

const script = fileURLToPath(new URL('./killed-erase.js', import.meta.url));
const ids = (records: readonly { recordId: string }[]) => records.map(({ recordId }) => recordId);
const walk = (folder: string) => walkLog(folder, () => undefined);

/** A closed log of two sessions, their chunks taking turns. */
async function twoSessions() {
  const data = await temporaryFolder();
  const { collector, post } = await startCollector({ data });
  const [gone, kept] = [newSession(), newSession()];
  const stays: string[] = [];
  for (let seq = 0; seq < 6; seq += 2) {
    await post(makeChunk(gone, seq, 2).body);
    const { body, records } = makeChunk(kept, seq, 2);
    await post(body);
    stays.push(...ids(records));
  }
  await collector.close();
  return { data, gone, kept, stays };
}

describe('an erased session', () => {
  it('leaves hashes only; the chain holds, and verify says how many were erased', async () => {
    const { data, gone, stays } = await twoSessions();
    const head = await runAudit('head', '--data', data);
    expect((await runAudit('erase', '--session', gone, '--data', data)).status).toBe(0);
    const text = await readSegments(data);
    expect(text).not.toContain(gone);
    expect(text).toContain(subjectOf(gone));
    expect(await storedIds(data)).toEqual(stays);
    expect(await walk(data)).toMatchObject({ faults: [], records: 12, erased: 6 });
    const { status, stdout } = await runAudit('verify', '--data', data);
    expect([status, stdout]).toEqual([0, expect.stringContaining('6 of the records are erased')]);
    expect(head.stdout).toContain('"records":12');
  });

  it('takes the texts with it that an application opted in to send, which were kept letter by letter', async () => {
    const data = await temporaryFolder();
    const { collector, post } = await startCollector({ data });
    const session = newSession();
    const inputText = 'Größe, 東京, مرحبا, "quoted"\\, 😀';
    const { masked } = maskRecord({ ...sampleRecord(), inputText }, textMask({ input: 'mask' }));
    if (masked === undefined) throw new Error('refused');
    const body = JSON.stringify(chunkOf({ session, epoch: 0, seq: 0 }, [maskedRecord(), masked]));
    expect(await (await post(body)).json()).toMatchObject({ stored: [{ session, ranges: [[0, 1]] }] });
    await collector.close();
    const [, , line = ''] = (await readSegments(data)).split('\n');
    expect(JSON.parse(line).entry.record.inputText).toBe(inputText);
    expect(await walk(data)).toMatchObject({ faults: [], records: 2 });
    const exported = await runAudit('export', '--data', data);
    expect(
      exported.stdout
        .split('\n')
        .some((each) => each !== '' && JSON.parse(each).record.inputText === inputText),
    ).toBe(true);
    expect((await runAudit('erase', '--session', session, '--data', data)).status).toBe(0);
    expect(await readSegments(data)).not.toContain('quoted');
    expect(await walk(data)).toMatchObject({ faults: [], erased: 2 });
  });

  it('is refused when it comes again, and settled, so that no page sends it for ever', async () => {
    const { data, gone } = await twoSessions();
    await runAudit('erase', '--digest', subjectOf(gone), '--data', data);
    const { post, address } = await startCollector({ data });
    const answer = await post(makeChunk(gone, 4, 5).body);
    expect(await answer.json()).toMatchObject({
      stored: [{ session: gone, epoch: 0, ranges: [[4, 8]] }],
      rejected: { erased: 5 },
    });
    expect(await readSegments(data)).not.toContain(gone);
    expect(await (await fetch(`${address}/metrics`)).text()).toContain(
      'records_rejected_total{reason="erased"} 5',
    );
  });

  it('waits for a hold over the time it came in, and goes when that is released', async () => {
    const { data, gone } = await twoSessions();
    const [from, to] = ['2020-01-01T00:00:00Z', '2100-01-01T00:00:00Z'];
    await runAudit('hold', '--id', 'case-7', '--from', from, '--to', to, '--data', data);
    const asked = await runAudit('erase', '--session', gone, '--data', data);
    expect(asked.stdout).toBe('done; 6 records wait for their erasure: a hold is over them\n');
    expect(await storedIds(data)).toHaveLength(12);
    expect((await runAudit('verify', '--data', data)).stdout).toMatch(
      /^6 records wait for their erasure: a hold is over them\nhold case-7 \(unstated\): 2020/,
    );
    await expect(runAudit('release', '--id', 'case-8', '--data', data)).rejects.toThrow('no hold case-8');
    await runAudit('release', '--id', 'case-7', '--data', data);
    expect(await storedIds(data)).toHaveLength(6);
    expect(await walk(data)).toMatchObject({ faults: [], records: 12, erased: 6 });
  });

  it('is told from a record that somebody took away: a tombstone needs its erasure', async () => {
    const { data, gone, kept } = await twoSessions();
    await runAudit('erase', '--session', gone, '--data', data);
    const swap = (subject: string) => (lines: string[]) =>
      lines.map((line) =>
        line.includes(kept) && line.includes('"kind":"record"')
          ? line.replace(/"entry":.*$/, `"tombstone":{"kind":"record","subject":"${subject}"}}`)
          : line,
      );
    await editLines(data, swap(subjectOf(kept)));
    expect((await walk(data)).faults).toEqual([
      expect.objectContaining({ what: 'it was erased, but the log has no erasure of its session' }),
    ]);
  });

  it('has no more tombstones than the log tells of', async () => {
    const { data, gone, kept } = await twoSessions();
    await runAudit('erase', '--session', gone, '--data', data);
    const grave = `"tombstone":{"kind":"record","subject":"${subjectOf(gone)}"}}`;
    await editLines(data, (lines) =>
      lines.map((line) =>
        line.includes(kept) && line.includes('"kind":"record"') ? line.replace(/"entry":.*$/, grave) : line,
      ),
    );
    expect((await walk(data)).faults).toEqual([
      expect.objectContaining({ what: '12 records of its session are erased; the log tells of 6' }),
    ]);
  });

  it.each([
    ['erase', '--session'],
    ['erase', '--digest', 'abc'],
    ['hold', '--id', 'a b', '--from', '2020-01-01', '--to', '2021-01-01'],
    ['hold', '--id', 'a', '--from', 'monday', '--to', '2021-01-01'],
  ])('is asked for in words that are understood: %s %s %s', async (...argv) => {
    const { data } = await twoSessions();
    await expect(runAudit(...argv, '--data', data)).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});

describe('kill -9 in the middle of an erasure', () => {
  it('leaves every segment whole; the next start finishes it, and nothing else is lost', async () => {
    const data = await temporaryFolder();
    const [gone, kept] = [newSession(), newSession()];
    const { collector, post } = await startCollector({ data, segmentBytes: 20_000 });
    const stays: string[] = [];
    for (let seq = 0; seq < 100; seq += 10) {
      await post(makeChunk(gone, seq, 10).body);
      const { body, records } = makeChunk(kept, seq, 10);
      await post(body);
      stays.push(...ids(records));
    }
    await collector.close();
    let left = 100;
    for (const [when, nth] of [
      ['before', '1'],
      ['after', '2'],
      ['before', '3'],
    ] as const) {
      const argv = [script, when, nth, 'erase', '--session', gone, '--data', data];
      expect(spawnSync(process.execPath, argv).signal).toBe('SIGKILL');
      const { faults, records, erased } = await walk(data);
      expect({ faults, records }).toEqual({ faults: [], records: 200 });
      const ofBoth = await storedIds(data);
      expect(ofBoth.filter((id) => stays.includes(id))).toEqual(stays);
      expect(100 - erased).toBeLessThanOrEqual(left);
      left = 100 - erased;
    }
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(100);
    const next = await startCollector({ data });
    await next.collector.close();
    expect(await readSegments(data)).not.toContain(gone);
    expect(await walk(data)).toMatchObject({ faults: [], records: 200, erased: 100 });
    expect((await readdir(data)).filter((name) => name.endsWith('.erasing'))).toEqual([]);
    expect(await storedIds(data)).toEqual(stays);
  });
});
