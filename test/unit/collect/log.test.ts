import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bytesOf, type Entry, type EntryBytes } from '../../../src/collect/line.ts';
import { SegmentLog } from '../../../src/collect/log.ts';
import { walkLog } from '../../../src/collect/walk.ts';
import { maskedRecord, newSession } from './chunk.ts';
import { temporaryFolder } from './start.ts';

const session = newSession();

function entriesOf(seq: number, count: number): EntryBytes[] {
  const chunk = { session, epoch: 0, seq };
  const records = Array.from(
    { length: count },
    (_, i): Entry => ({
      kind: 'record',
      ...chunk,
      seq: seq + i,
      receivedAt: 0,
      service: { name: 'shop' },
      record: maskedRecord(),
    }),
  );
  const end: Entry = { kind: 'chunk', ...chunk, receivedAt: 0, count, records: count, rejected: {} };
  return [...records, end].map(bytesOf);
}

/** A closed log of `chunks` chunks of two records each: header on line 1, then three lines a chunk. */
async function writtenLog(chunks: number): Promise<{ folder: string; segment: string }> {
  const folder = await temporaryFolder();
  const { log } = await SegmentLog.open(folder, () => undefined);
  for (let i = 0; i < chunks; i++) await log.append(entriesOf(2 * i, 2));
  await log.close();
  return { folder, segment: join(folder, 'segment-00000001.ndjson') };
}

const walk = (folder: string) => walkLog(folder, () => undefined);

async function editLines(path: string, edit: (lines: string[]) => readonly string[]): Promise<void> {
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  await writeFile(path, `${edit(lines).join('\n')}\n`);
}

describe('the chain', () => {
  it('is whole over appends, restarts and appends made at once', async () => {
    const { folder } = await writtenLog(2);
    const { log, walk: found } = await SegmentLog.open(folder, () => undefined);
    expect(found).toMatchObject({ records: 4, chunks: 2, faults: [] });
    await Promise.all(Array.from({ length: 20 }, (_, i) => log.append(entriesOf(4 + 2 * i, 2))));
    await log.close();
    expect(await walk(folder)).toMatchObject({ records: 44, chunks: 22, faults: [], segment: 1 });
  });

  const segment = 'segment-00000001.ndjson';
  const link = expect.stringContaining('removed, added or moved');
  const counted = (line: number, found: number) => ({
    segment,
    line,
    what: `head.json: the log holds ${found} records up to here, not 8`,
  });
  it.each<[string, (lines: string[]) => readonly string[], object[]]>([
    [
      'a changed record',
      (lines) => lines.with(4, (lines[4] ?? '').replace('"outcome":"ok"', '"outcome":"error"')),
      [{ segment, line: 5, what: 'its entry was changed' }],
    ],
    [
      'a removed record',
      (lines) => lines.toSpliced(4, 1),
      [{ segment, line: 5, what: link }, counted(12, 7)],
    ],
    [
      'an added record',
      (lines) => lines.toSpliced(5, 0, lines[4] ?? ''),
      [{ segment, line: 6, what: link }, counted(14, 9)],
    ],
    [
      'two records in the wrong order',
      (lines) => lines.with(4, lines[5] ?? '').with(5, lines[4] ?? ''),
      [
        { segment, line: 5, what: link },
        { segment, line: 6, what: link },
        { segment, line: 7, what: link },
      ],
    ],
    [
      'a line of something else',
      (lines) => lines.with(4, '{"kind":"record"}'),
      [
        { segment, line: 5, what: 'it is not a line of this log' },
        { segment, line: 6, what: link },
        counted(13, 7),
      ],
    ],
    [
      'a cut-off end',
      (lines) => lines.slice(0, 7),
      [{ segment, line: 7, what: 'head.json: the log ends here, at record 4 of 8: its end was removed' }],
    ],
    [
      'another header',
      (lines) => lines.with(0, '{"format":2}'),
      [{ segment, line: 1, what: 'its header is not one' }],
    ],
  ])('shows %s and where', async (_what, edit, faults) => {
    const { folder, segment: path } = await writtenLog(4);
    await editLines(path, edit);
    expect((await walk(folder)).faults).toEqual(faults);
  });

  it('shows records rewritten with a chain of their own', async () => {
    const { folder, segment: path } = await writtenLog(3);
    const other = await writtenLog(3);
    await writeFile(path, await readFile(other.segment));
    expect((await walk(folder)).faults).toEqual([
      { segment, line: 10, what: expect.stringContaining('head.json: the log was rewritten') },
    ]);
  });

  it('keeps showing a loss after a restart and new records', async () => {
    const { folder, segment: path } = await writtenLog(4);
    await editLines(path, (lines) => lines.slice(0, 7));
    const { log, walk: found } = await SegmentLog.open(folder, () => undefined);
    expect(found.faults).toHaveLength(1);
    await log.append(entriesOf(100, 2));
    await log.close();
    expect((await walk(folder)).faults).toEqual([
      { segment: 'segment-00000002.ndjson', line: 1, what: expect.stringContaining('does not continue') },
      {
        segment: 'segment-00000002.ndjson',
        line: 4,
        what: 'head.json: the log holds 6 records up to here, not 10',
      },
    ]);
  });

  it('shows a missing segment', async () => {
    const { folder, segment: path } = await writtenLog(1);
    await writeFile(join(folder, 'segment-00000003.ndjson'), await readFile(path));
    expect((await walk(folder)).faults[0]).toEqual({
      segment: 'segment-00000003.ndjson',
      what: 'segment 2 before it is missing',
    });
  });
});

describe('a torn end', () => {
  it.each([
    ['half a line', (line: string) => line.slice(0, line.length / 2)],
    ['a record whose chunk was never closed', (line: string) => `${line}\n`],
    ['zeros, as a power cut leaves them', () => '\0'.repeat(100)],
  ])('is cut off at the start, and nothing else: %s', async (_what, tear) => {
    const { folder, segment } = await writtenLog(3);
    const before = await readFile(segment, 'utf8');
    const [, record = ''] = before.split('\n');
    const torn = tear(record);
    await appendFile(segment, torn);
    const { log, walk: found } = await SegmentLog.open(folder, () => undefined);
    expect(found.tail?.torn).toBe(torn.length);
    expect(found).toMatchObject({ records: 6, chunks: 3 });
    expect(await readFile(segment, 'utf8')).toBe(before);
    await log.append(entriesOf(6, 1));
    await log.close();
    expect((await walk(folder)).records).toBe(7);
  });

  it('is cut off wherever in the last chunk the crash came', async () => {
    const { folder, segment } = await writtenLog(2);
    const bytes = await readFile(segment);
    const { keep } = (await walkAfterCut(folder, segment, bytes, bytes.length - 1)) ?? { keep: 0 };
    for (let length = keep + 1; length < bytes.length; length += 97) {
      const tail = await walkAfterCut(folder, segment, bytes, length);
      expect(tail).toEqual({ path: segment, keep, torn: length - keep });
    }
  });

  async function walkAfterCut(folder: string, segment: string, bytes: Buffer, length: number) {
    await writeFile(segment, bytes.subarray(0, length));
    return (await walk(folder)).tail;
  }
});

describe('a segment of which only a part of the header was written', () => {
  it('begins anew', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'segment-00000001.ndjson'), '{"format":1,"seg');
    const { log } = await SegmentLog.open(folder, () => undefined);
    await log.append(entriesOf(0, 2));
    await log.close();
    expect(await walk(folder)).toMatchObject({ segment: 1, records: 2, faults: [] });
  });
});

describe('the folder', () => {
  it('has one writer; a lock left by a dead process is taken over', async () => {
    const folder = await temporaryFolder();
    const { log } = await SegmentLog.open(folder, () => undefined);
    await expect(SegmentLog.open(folder, () => undefined)).rejects.toMatchObject({ code: 'storage_blocked' });
    await log.close();
    await writeFile(join(folder, 'collector.pid'), '999999999');
    const again = await SegmentLog.open(folder, () => undefined);
    await again.log.close();
  });
});
