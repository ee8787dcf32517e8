import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { copyFile, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadHead } from '../../../src/collect/folder.ts';
import { type Head, signHead } from '../../../src/collect/head.ts';
import { bytesOf, genesis, linesOf, readLine } from '../../../src/collect/line.ts';
import { SegmentLog } from '../../../src/collect/log.ts';
import { walkLog } from '../../../src/collect/walk.ts';
import { maskedRecord, newSession } from './chunk.ts';
import { temporaryFolder } from './start.ts';

const segment = 'segment-00000001.ndjson';

/** Appends `chunks` chunks of one record each to the folder's log, and gives the head it ends with. */
async function grow(folder: string, chunks: number): Promise<Head> {
  const { log } = await SegmentLog.open(folder, () => undefined);
  for (let i = 0; i < chunks; i++) {
    const life = { session: newSession(), epoch: 0, seq: 0, receivedAt: 0 };
    await log.append([
      bytesOf({ kind: 'record', ...life, service: { name: 'shop' }, record: maskedRecord() }),
      bytesOf({ kind: 'chunk', ...life, count: 1, records: 1, rejected: {} }),
    ]);
  }
  await log.close();
  const head = await loadHead(folder);
  if (head === undefined) throw new Error('a closed log has a head');
  return head;
}

const faultsOf = async (folder: string, saved: Head) =>
  (await walkLog(folder, () => undefined, { saved })).faults;

/** As an intruder with the run of the folder would: every chain value from the first line on is made anew. */
async function rewrite(folder: string, edit: (json: string) => string): Promise<string> {
  const path = join(folder, segment);
  const [header = '', ...lines] = (await readFile(path, 'utf8')).trimEnd().split('\n');
  const entries = lines.map((line) => Buffer.from(edit(readLine(line)?.json ?? '')));
  const { bytes, chain } = linesOf(
    entries.map((json) => ({ kind: 'record', json })),
    genesis,
  );
  await writeFile(path, Buffer.concat([Buffer.from(`${header}\n`), bytes]));
  return chain;
}

const newPair = () => generateKeyPairSync('ed25519');

describe('the key pair', () => {
  it('is made once; the private half is for its owner only', async () => {
    const folder = await temporaryFolder();
    await grow(folder, 1);
    const before = await readFile(join(folder, 'signing.key'), 'utf8');
    expect((await stat(join(folder, 'signing.key'))).mode & 0o777).toBe(0o600);
    await grow(folder, 1);
    expect(await readFile(join(folder, 'signing.key'), 'utf8')).toBe(before);
    expect(await readFile(join(folder, 'signing.pub'), 'utf8')).toMatch(/^-----BEGIN PUBLIC KEY-----/);
  });

  it('is not replaced when its private half is missing, or when the halves are not a pair', async () => {
    const folder = await temporaryFolder();
    await grow(folder, 1);
    const other = await temporaryFolder();
    await grow(other, 1);
    await copyFile(join(other, 'signing.key'), join(folder, 'signing.key'));
    await expect(grow(folder, 1)).rejects.toMatchObject({ code: 'storage_blocked' });
    await rm(join(folder, 'signing.key'));
    await expect(grow(folder, 1)).rejects.toMatchObject({ code: 'storage_blocked' });
    await rm(join(folder, 'signing.pub'));
    await expect(grow(folder, 1)).resolves.toBeDefined();
  });
});

describe('a head', () => {
  it('is signed as its description says, by the published key', async () => {
    const folder = await temporaryFolder();
    const head = await grow(folder, 3);
    const key = createPublicKey(await readFile(join(folder, 'signing.pub'), 'utf8'));
    const text = `sonde log head 1\n1\n3\n${head.chain}\n`;
    expect(verify(null, Buffer.from(text), key, Buffer.from(head.signature, 'base64'))).toBe(true);
    expect(await readFile(join(folder, 'signing.pub'), 'utf8')).toContain(`\n${head.key}\n`);
  });

  it('saved earlier holds for the log that has grown since', async () => {
    const folder = await temporaryFolder();
    const saved = await grow(folder, 2);
    expect(await grow(folder, 3)).toMatchObject({ records: 5 });
    expect(await faultsOf(folder, saved)).toEqual([]);
  });

  it('shows a log cut off before it, and where it ends', async () => {
    const folder = await temporaryFolder();
    const early = await grow(folder, 1);
    const saved = await grow(folder, 2);
    const path = join(folder, segment);
    const lines = (await readFile(path, 'utf8')).split('\n');
    await writeFile(path, `${lines.slice(0, 5).join('\n')}\n`);
    await writeFile(join(folder, 'head.json'), JSON.stringify(early));
    expect(await faultsOf(folder, early)).toEqual([]);
    expect(await faultsOf(folder, saved)).toEqual([
      { segment, line: 5, what: 'the saved head: the log ends here, at record 2 of 3: its end was removed' },
    ]);
  });

  it('shows an emptied folder', async () => {
    const folder = await temporaryFolder();
    const saved = await grow(folder, 2);
    await rm(join(folder, segment));
    await rm(join(folder, 'head.json'));
    expect(await faultsOf(folder, saved)).toEqual([
      { segment, what: 'the saved head: the log ends here, at record 0 of 2: its end was removed' },
    ]);
  });

  it('shows a log rewritten with a chain, a key and a head of its own', async () => {
    const folder = await temporaryFolder();
    const saved = await grow(folder, 3);
    const chain = await rewrite(folder, (json) => json.replace('"outcome":"ok"', '"outcome":"error"'));
    const { privateKey, publicKey } = newPair();
    await writeFile(
      join(folder, 'head.json'),
      JSON.stringify(signHead({ segment: 1, records: 3, chain }, privateKey)),
    );
    expect(await faultsOf(folder, saved)).toMatchObject([
      { what: 'head.json: its signature is not one by the key of this log' },
      {
        segment,
        line: 7,
        what: expect.stringContaining('the saved head: the log was rewritten, at or before record 3'),
      },
    ]);
    await writeFile(join(folder, 'signing.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
    expect(await faultsOf(folder, saved)).toEqual([
      { segment, what: 'the saved head: its signature is not one by the key of this log' },
    ]);
    expect((await walkLog(folder, () => undefined)).faults).toEqual([]);
  });

  it.each<[string, (head: Head) => Head]>([
    ['fewer records', (head) => ({ ...head, records: 2 })],
    ['another segment', (head) => ({ ...head, segment: 2 })],
    ['another chain value', (head) => ({ ...head, chain: genesis })],
    ['a signature by another key', (head) => ({ ...signHead(head, newPair().privateKey), key: head.key })],
    ['another key and its signature', (head) => signHead(head, newPair().privateKey)],
    ['no signature', (head) => ({ ...head, signature: '' })],
  ])('is forged: %s', async (_what, forge) => {
    const folder = await temporaryFolder();
    const saved = await grow(folder, 3);
    expect(await faultsOf(folder, forge(saved))).toEqual([
      {
        segment: expect.any(String),
        what: 'the saved head: its signature is not one by the key of this log',
      },
    ]);
  });
});

describe('the end of a segment', () => {
  it('is signed in the header of the next; an unsigned one shows', async () => {
    const folder = await temporaryFolder();
    const { log } = await SegmentLog.open(folder, () => undefined, { segmentBytes: 1 });
    const life = { session: newSession(), epoch: 0, seq: 0, receivedAt: 0 };
    const chunk = { kind: 'chunk', ...life, count: 0, records: 0, rejected: {} } as const;
    for (let i = 0; i < 3; i++) await log.append([bytesOf({ ...chunk, seq: i })]);
    await log.close();
    expect(await walkLog(folder, () => undefined)).toMatchObject({ faults: [], segment: 3, chunks: 3 });
    const path = join(folder, 'segment-00000002.ndjson');
    await writeFile(path, (await readFile(path, 'utf8')).replace(/,"head":\{.*?\}/, ''));
    expect((await walkLog(folder, () => undefined)).faults).toEqual([
      {
        segment: 'segment-00000002.ndjson',
        line: 1,
        what: 'the end of the segment before it is not signed by the key of this log',
      },
    ]);
  });
});
