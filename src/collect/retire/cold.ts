import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, rename } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { SondeError } from '../../shared/errors.ts';
import { syncFile, syncFolder } from '../folder.ts';
import { openBucket } from './bucket.ts';

/** Where tables of retired segments are kept. */
export interface ColdStore {
  /** Resolves when a file with this digest is kept under this name, in place of any before. */
  put(name: string, path: string, sha256: string): Promise<void>;
  /** Writes what is kept under a name into a file. */
  get(name: string, path: string): Promise<void>;
}

export async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** @throws SondeError `storage_blocked` unless a file is what it is taken for */
export async function requireDigest(path: string, sha256: string): Promise<void> {
  if ((await digestOf(path)) === sha256) return;
  throw new SondeError(
    'storage_blocked',
    `${path} is not what was stored: its SHA-256 is another one.`,
    'Check the cold storage; nothing was retired because of this file.',
  );
}

async function openFolder(folder: string): Promise<ColdStore> {
  await mkdir(folder, { recursive: true });
  return {
    async put(name, path, sha256) {
      const draft = join(folder, `${name}.new`);
      await copyFile(path, draft);
      await syncFile(draft);
      await requireDigest(draft, sha256);
      await rename(draft, join(folder, name));
      await syncFolder(folder);
    },
    get: (name, path) => copyFile(join(folder, name), path),
  };
}

/** The folder that a place is; absent for `s3://` and what else is none. */
export const coldFolder = (place: string): string | undefined =>
  /^\w+:\/\//.test(place) ? undefined : resolve(place);

/**
 * @param place a folder, or `s3://bucket/prefix`; keys and region come as for every AWS client
 * @param endpoint of a server that speaks S3 and is not Amazon's
 * @throws SondeError `invalid_argument` for a place without a bucket, `file_not_found` when @aws-sdk/client-s3 is needed
 * and not installed
 */
export function openCold(place: string, endpoint?: string): Promise<ColdStore> {
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(place) ?? [];
  if (bucket !== undefined) return openBucket(bucket, prefix, endpoint);
  const folder = coldFolder(place);
  if (folder !== undefined) return openFolder(folder);
  throw new SondeError(
    'invalid_argument',
    `${place} is no cold storage.`,
    'Name a folder, or s3://bucket/prefix.',
  );
}
