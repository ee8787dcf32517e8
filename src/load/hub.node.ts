import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { SondeError } from '../shared/errors.ts';
import type { FolderAddress } from './address.ts';
import { download, type Sink } from './download.ts';
import { readFileAt } from './folder.node.ts';
import { type Head, headOf } from './head.node.ts';
import { type ModelSource, type ReadOptions, refuseLonger } from './source.ts';

/** What is known of a file of the hub; `head` is absent where there is no such file. */
interface Known {
  readonly head: Head | undefined;
  /** False where the server could not be reached: then it is what it said the last time. */
  readonly isCurrent: boolean;
}

/**
 * A model folder behind a URL, kept in a folder of this machine. A file is fetched again when its ETag changed; a
 * download that broke off, in this process or an earlier one, is continued; large files of a hub are held against
 * their SHA-256. Without a network, what is there is used: which files there are is kept beside them.
 */
export function cachedSource({ id, url }: FolderAddress, cache: string): ModelSource {
  const asked = new Map<string, Promise<Known>>();
  const fileOf = (path: string): string => {
    const { host, pathname } = new URL(path, url);
    return join(cache, host.replace(':', '_'), ...pathname.split('/').filter(Boolean));
  };

  async function ask(path: string): Promise<Known> {
    const record = `${fileOf(path)}.head`;
    let head: Head | undefined;
    try {
      head = await headOf(new URL(path, url).href, path);
    } catch (error) {
      const isOffline = error instanceof SondeError && error.code === 'network';
      const said = isOffline ? await recorded(record) : undefined;
      if (said === undefined) throw error;
      return { head: said ?? undefined, isCurrent: false };
    }
    await mkdir(dirname(record), { recursive: true });
    await writeFile(record, JSON.stringify(head ?? null));
    return { head, isCurrent: true };
  }

  const known = (path: string): Promise<Known> => {
    const answer = asked.get(path) ?? ask(path);
    asked.set(path, answer);
    return answer;
  };

  /** Makes the cached file current. @returns whether it was already, or undefined where there is no such file */
  async function update(path: string, options: ReadOptions): Promise<'kept' | 'fetched' | undefined> {
    const file = fileOf(path);
    const { head, isCurrent } = await known(path);
    if (head === undefined) return undefined;
    const kept = await readFile(`${file}.stamp`, 'utf8').catch(() => undefined);
    if (kept !== undefined && !isCurrent) return 'kept';
    if (head.size !== undefined) refuseLonger(path, head.size, options.limit);
    if (kept === stampOf(head)) return 'kept';
    await fetchTo(file, new URL(path, url).href, path, head, options);
    return 'fetched';
  }

  return {
    id,
    size: async (path) => (await known(path)).head?.size,
    async read(path, { onProgress, ...options } = {}) {
      const state = await update(path, { ...options, ...(onProgress === undefined ? {} : { onProgress }) });
      if (state === undefined) return undefined;
      const told = state === 'kept' ? onProgress : undefined;
      const isCached: ReadOptions['onProgress'] = (progress) => told?.({ ...progress, cached: true });
      return readFileAt(fileOf(path), path, { ...options, onProgress: isCached });
    },
  };
}

/** What a server said of a file, null where there was none; undefined where it was never asked. */
async function recorded(file: string): Promise<Head | null | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Head | null;
  } catch {
    return undefined;
  }
}

const stampOf = ({ etag = '', size }: Head): string => `${etag} ${size ?? ''}`;

async function fetchTo(file: string, url: string, path: string, found: Head, options: ReadOptions) {
  const [part, stamp] = [`${file}.part`, stampOf(found)];
  await mkdir(dirname(file), { recursive: true });
  // What an earlier process began of another version of the file is of no use.
  if ((await readFile(`${part}.stamp`, 'utf8').catch(() => undefined)) !== stamp)
    await rm(part, { force: true });
  await writeFile(`${part}.stamp`, stamp);
  const sink = await fileSink(part);
  try {
    const isWhole = sink.loaded > 0 && sink.loaded === found.size;
    if (!isWhole && (await download(url, path, sink, options)) === undefined) throw vanished(path);
  } finally {
    await sink.close();
  }
  await check(part, path, found);
  await rm(`${file}.stamp`, { force: true });
  await rename(part, file);
  await writeFile(`${file}.stamp`, stamp);
  await rm(`${part}.stamp`, { force: true });
}

/** @throws SondeError `network` where the content is not what the hub announced; it is not kept */
async function check(part: string, path: string, { etag = '', size }: Head): Promise<void> {
  if (!/^[0-9a-f]{64}$/.test(etag)) return;
  const hash = createHash('sha256');
  await pipeline(createReadStream(part), hash);
  if (hash.digest('hex') === etag) return;
  await rm(part, { force: true });
  throw new SondeError(
    'network',
    `${path} arrived as another file than the hub announced (SHA-256 differs${size === undefined ? '' : `, ${size} bytes`}).`,
    'Load the model again.',
  );
}

async function fileSink(part: string): Promise<Sink & { close(): Promise<void> }> {
  const handle = await open(part, 'a');
  let { size: loaded } = await handle.stat();
  return {
    get loaded() {
      return loaded;
    },
    async restart() {
      await handle.truncate(0);
      loaded = 0;
    },
    async write(chunk) {
      await handle.appendFile(chunk);
      loaded += chunk.length;
    },
    close: () => handle.close(),
  };
}

const vanished = (path: string): SondeError =>
  new SondeError('network', `${path} is announced, but not there.`, 'Load the model again.');
