import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, DeleteObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { audit } from '../../src/cli/audit.ts';
import { store } from '../../src/cli/store.ts';
import { listSegments } from '../../src/collect/folder.ts';
import { createCollector } from '../../src/collect/server.ts';
import { startMinio } from '../servers/minio.ts';
import { makeChunk, newSession } from '../unit/collect/chunk.ts';

const sessions = 4;
const perChunk = 50;

/** A log of many segments, closed. */
async function fill(data: string, chunks: number): Promise<readonly string[]> {
  const collector = await createCollector({
    data,
    segmentBytes: 1_000_000,
    rateLimits: {
      address: { rate: 10_000, burst: 10_000 },
    },
  });
  const address = await collector.listen(0);
  const names = Array.from({ length: sessions }, newSession);
  for (let i = 0; i < chunks; i++) {
    const { body } = makeChunk(names[i % sessions] ?? '', Math.floor(i / sessions) * perChunk, perChunk);
    const headers = { 'content-type': 'application/json' };
    const { status } = await fetch(`${address}/v1/logs`, { method: 'POST', headers, body });
    assert.equal(status, 200);
  }
  await collector.close();
  return names;
}

/** Retirement to a real S3-compatible server: to the byte, refused when it cannot be kept, erased there too. */
export async function soakCold([count = '100']: readonly string[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sonde-cold-'));
  const data = join(folder, 'data');
  await mkdir(join(folder, 's3'));
  const minio = await startMinio(join(folder, 's3'));
  try {
    const client = new S3Client({ endpoint: minio.endpoint, forcePathStyle: true });
    await client.send(new CreateBucketCommand({ Bucket: 'sonde' }));
    const [gone = ''] = await fill(data, Number(count));
    const before = await listSegments(data);
    const texts = await Promise.all(before.map(({ path }) => readFile(path, 'utf8')));
    const cold = ['--cold', 's3://sonde/logs', '--cold-endpoint', minio.endpoint, '--data', data];
    const secret = process.env.AWS_SECRET_ACCESS_KEY;
    process.env.AWS_SECRET_ACCESS_KEY = 'another';
    await assert.rejects(store(['retire', '--hot-days', '0', ...cold]));
    process.env.AWS_SECRET_ACCESS_KEY = secret;
    assert.deepEqual(await listSegments(data), before, 'what could not be kept there must stay here');
    const started = performance.now();
    assert.equal(await store(['retire', '--hot-days', '0', ...cold]), 0);
    const seconds = (performance.now() - started) / 1000;
    assert.equal((await listSegments(data)).length, 1);
    assert.equal(await audit(['verify', '--data', data]), 0);
    const out = join(folder, 'fetched.ndjson');
    for (const [index, { number }] of before.slice(0, -1).entries()) {
      assert.equal(await store(['fetch', '--segment', String(number), '--out', out, ...cold]), 0);
      assert.equal(await readFile(out, 'utf8'), texts[index]);
    }
    await audit(['erase', '--session', gone, '--data', data]);
    minio.process.kill('SIGKILL');
    await assert.rejects(store(['retire', '--hot-days', '0', ...cold]), 'the server is gone');
    const again = await startMinio(join(folder, 's3'));
    try {
      const there = ['--cold', 's3://sonde/logs', '--cold-endpoint', again.endpoint, '--data', data];
      assert.equal(await store(['retire', '--hot-days', '0', ...there]), 0);
      for (const { number } of before.slice(0, -1)) {
        await store(['fetch', '--segment', String(number), '--out', out, ...there]);
        assert(!(await readFile(out, 'utf8')).includes(gone));
      }
      assert.equal(await audit(['verify', '--data', data]), 0);
      const other = new S3Client({ endpoint: again.endpoint, forcePathStyle: true });
      await other.send(new DeleteObjectCommand({ Bucket: 'sonde', Key: 'logs/segment-00000001.parquet' }));
      await assert.rejects(store(['fetch', '--segment', '1', '--out', out, ...there]));
    } finally {
      await again.stop();
    }
    const bytes = texts.join('').length;
    console.info(
      `cold: ${before.length} segments, ${bytes} bytes, retired to MinIO in ${seconds.toFixed(1)} s`,
    );
  } finally {
    if (minio.process.exitCode === null && minio.process.signalCode === null) await minio.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
