import type { Bytes } from '../shared/units.ts';

/** Bytes of one file so far; `total` is absent while the server has not said how long it is. */
export interface FileProgress {
  readonly path: string;
  readonly loaded: Bytes;
  readonly total?: Bytes;
  readonly cached: boolean;
}

export interface ReadOptions {
  readonly onProgress?: (progress: FileProgress) => void;
  readonly signal?: AbortSignal;
}

/** A folder in the Hugging Face layout, wherever it lies: behind a URL, in picked files, on a disk. */
export interface ModelSource {
  /** A name for people and records: the hub id, or the last segment of a path. Never a full path or URL. */
  readonly id: string;
  /** @returns the file's bytes, or undefined where the folder has no such file. */
  read(path: string, options?: ReadOptions): Promise<Uint8Array<ArrayBuffer> | undefined>;
}
