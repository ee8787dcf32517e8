import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { collect } from '../../../src/cli/collect.ts';
import { withSettings } from '../../../src/cli/settings.ts';
import { subjectOf } from '../../../src/collect/erasures.ts';
import { walkLog } from '../../../src/collect/walk.ts';
import { makeChunk, newSession } from './chunk.ts';
import { startCollector, storedIds, temporaryFolder } from './start.ts';

const options = {
  port: { type: 'string' },
  'trust-proxy': { type: 'string', multiple: true },
  'allow-hub': { type: 'boolean' },
} as const;

describe('settings of the collector', () => {
  it('come from the file, then the environment, then the command line', async () => {
    const file = join(await temporaryFolder(), 'config.json');
    await writeFile(file, '{"port":1,"trust-proxy":["10.0.0.1"],"allow-hub":true}');
    const environment = { SONDE_COLLECT_PORT: '2', SONDE_COLLECT_TRUST_PROXY: '10.0.0.2,10.0.0.3' };
    expect(await withSettings(['--port', '3'], options, file, environment)).toEqual([
      '--port=1',
      '--trust-proxy=10.0.0.1',
      '--allow-hub',
      '--port=2',
      '--trust-proxy=10.0.0.2',
      '--trust-proxy=10.0.0.3',
      '--port',
      '3',
    ]);
    expect(await withSettings([], options, undefined, { SONDE_COLLECT_ALLOW_HUB: '0' })).toEqual([]);
    const turnedOff = await withSettings([], options, file, { SONDE_COLLECT_ALLOW_HUB: '0' });
    expect(turnedOff).toEqual(['--port=1', '--trust-proxy=10.0.0.1']);
  });

  it.each(['', '[', '{"prot":1}', '{"max-bytes":"much"}'])('are refused: %j', async (text) => {
    const file = join(await temporaryFolder(), 'config.json');
    await writeFile(file, text);
    const data = join(await temporaryFolder(), 'data');
    await expect(collect(['--config', file, '--data', data, '--port', '0'])).rejects.toMatchObject({
      code: 'invalid_argument',
    });
  });
});

describe('tokens of the admin listener', () => {
  async function run(...argv: string[]) {
    let printed = '';
    const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      printed += String(text);
      return true;
    });
    try {
      await collect(argv);
    } finally {
      write.mockRestore();
    }
    return printed;
  }

  it('are shown once and kept as hashes; made, listed and removed by command', async () => {
    const data = await temporaryFolder();
    const token = (await run('token', 'add', '--name', 'grafana', '--role', 'viewer', '--data', data)).trim();
    expect(token).toMatch(/^[\w-]{32}$/);
    const kept = await readFile(join(data, 'tokens.json'), 'utf8');
    expect(kept).not.toContain(token);
    expect(kept).toContain(createHash('sha256').update(token).digest('hex'));
    expect(await run('token', 'list', '--data', data)).toBe('grafana viewer\n');
    await run('token', 'remove', '--name', 'grafana', '--data', data);
    expect(await run('token', 'list', '--data', data)).toBe('');
  });

  it.each([
    ['token'],
    ['token', 'add'],
    ['token', 'add', '--name', 'a b'],
    ['token', 'add', '--name', 'a', '--role', 'root'],
    ['token', 'remove', '--name', 'nobody'],
    ['tokens', 'list'],
  ])('need words that are understood: %s %s %s', async (...argv) => {
    const data = await temporaryFolder();
    await expect(run(...argv, '--data', data)).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});

describe('a log that has grown to its limit', () => {
  it('refuses with 503 and Retry-After before it writes; what is erased makes room', async () => {
    const { post, data, collector } = await startCollector({
      maxBytes: 40_000,
      segmentBytes: 5000,
      admin: { port: 0, token: 'secret' },
    });
    const sessions = Array.from({ length: 12 }, newSession);
    const statuses: number[] = [];
    for (const session of sessions) statuses.push((await post(makeChunk(session, 0, 5).body)).status);
    const taken = statuses.indexOf(503);
    expect(taken).toBeGreaterThan(2);
    expect(statuses).toEqual(sessions.map((_, i) => (i < taken ? 200 : 503)));
    const refused = await post(makeChunk(newSession(), 0, 5).body);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await storedIds(data)).toHaveLength(5 * taken);
    expect(await walkLog(data, () => undefined)).toMatchObject({ faults: [], records: 5 * taken });
    for (const session of sessions.slice(0, 2))
      await fetch(`${collector.adminAddress}/api/erasures`, {
        method: 'POST',
        headers: { authorization: 'Bearer secret', 'content-type': 'application/json' },
        body: JSON.stringify({ digest: subjectOf(session), reason: 'room' }),
      });
    expect((await post(makeChunk(newSession(), 0, 5).body)).status).toBe(200);
  });
});
