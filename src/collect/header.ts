import { open } from 'node:fs/promises';
import { type Header, readHeader } from './line.ts';

/** A header is less than this, its signed head included. */
const mostHeader = 4096;

/** The first line of a segment, without reading the rest; absent where it is none. */
export async function headerOf(path: string): Promise<Header | undefined> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(mostHeader), 0, mostHeader, 0);
    const text = buffer.toString('utf8', 0, bytesRead);
    return readHeader(text.slice(0, text.indexOf('\n')));
  } finally {
    await file.close();
  }
}
