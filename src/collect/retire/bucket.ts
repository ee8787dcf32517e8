import { readFile, writeFile } from 'node:fs/promises';
import { SondeError } from '../../shared/errors.ts';
import { optional } from '../optional.ts';
import type { ColdStore } from './cold.ts';

/** Objects of a bucket. The server checks the digest of what it takes, and is asked for it afterwards. */
export async function openBucket(
  bucket: string,
  prefix: string,
  endpoint: string | undefined,
): Promise<ColdStore> {
  const { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } = await optional(
    'Cold storage in S3 needs',
    '@aws-sdk/client-s3',
    '3',
    () => import('@aws-sdk/client-s3'),
  );
  const client = new S3Client(endpoint === undefined ? {} : { endpoint, forcePathStyle: true });
  const keyOf = (name: string): string => (prefix === '' ? name : `${prefix.replace(/\/$/, '')}/${name}`);
  return {
    async put(name, path, sha256) {
      const object = { Bucket: bucket, Key: keyOf(name) };
      const ChecksumSHA256 = Buffer.from(sha256, 'hex').toString('base64');
      await client.send(new PutObjectCommand({ ...object, Body: await readFile(path), ChecksumSHA256 }));
      const kept = await client.send(new HeadObjectCommand({ ...object, ChecksumMode: 'ENABLED' }));
      if (kept.ChecksumSHA256 !== ChecksumSHA256)
        throw new SondeError(
          'storage_blocked',
          `The server does not tell the SHA-256 of ${object.Key}.`,
          'Use a server that keeps checksums of objects; the segment stays here.',
        );
    },
    async get(name, path) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: keyOf(name) }));
      await writeFile(path, (await Body?.transformToByteArray()) ?? '');
    },
  };
}
