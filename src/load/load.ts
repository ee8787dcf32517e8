import type { Dtype } from '../protocol/device.ts';
import type { FileDigest } from '../protocol/model.ts';
import { digestOf, type Sha256Hex, sha256 } from '../shared/digest.ts';
import { SondeError } from '../shared/errors.ts';
import { type Bytes, bytes } from '../shared/units.ts';
import { type JsonObject, type ModelConfig, parseConfig, parseObject } from './config.ts';
import type { FileProgress, ModelSource, ReadOptions } from './source.ts';

/** Progress over all files of one load. */
export interface BytesLoaded {
  readonly file: string;
  readonly loaded: Bytes;
  readonly total?: Bytes;
  readonly cached: boolean;
}

/** The files that do not depend on the dtype. */
export interface ModelFolder {
  readonly source: ModelSource;
  readonly config: ModelConfig;
  /** `config.json` as it is. */
  readonly json: JsonObject;
  /** Absent for models of images and sound. */
  readonly tokenizer?: {
    readonly model: JsonObject;
    readonly config: JsonObject;
    readonly digest: Sha256Hex;
  };
  readonly card?: JsonObject;
  readonly files: readonly FileDigest[];
}

/** One ONNX file with its external data, by path beside the graph. */
export interface ModelWeights {
  readonly dtype: Dtype;
  /** Name of the graph file, e.g. `model.onnx`. */
  readonly file: string;
  readonly graph: Uint8Array<ArrayBuffer>;
  readonly external: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  readonly files: readonly FileDigest[];
}

const suffixes: Readonly<Record<Dtype, string>> = {
  fp32: '',
  fp16: '_fp16',
  q8: '_quantized',
  q4: '_q4',
  q4f16: '_q4f16',
};

/** Tried in this order after the one asked for. */
export const dtypes: readonly Dtype[] = ['fp32', 'fp16', 'q8', 'q4', 'q4f16'];

/**
 * Config, tokenizer and card of a folder.
 * @throws SondeError `model_not_found` when there is no config.json, `model_invalid` when a file is not JSON
 */
export async function loadFolder(source: ModelSource, options: ReadOptions): Promise<ModelFolder> {
  const [config, tokenizer, tokenizerConfig, generation, card] = await Promise.all(
    ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'generation_config.json', 'card.json'].map(
      async (path) => ({ path, body: await source.read(path, options) }),
    ),
  );
  if (config?.body === undefined) {
    throw new SondeError(
      'model_not_found',
      `There is no model at ${source.id}: its folder has no config.json.`,
      'Check the address; a folder in the Hugging Face layout is wanted (config.json, tokenizer.json, onnx/model.onnx).',
    );
  }
  const present = [config, tokenizer, tokenizerConfig, generation, card].flatMap((file) =>
    file?.body === undefined ? [] : [{ path: file.path, body: file.body }],
  );
  const objectOf = (file: typeof config | undefined): JsonObject =>
    file?.body === undefined ? {} : parseObject(file.body, file.path);
  const files = await Promise.all(present.map(({ path, body }) => fileDigest(path, body)));
  const json = objectOf(config);
  return {
    source,
    json,
    config: parseConfig(json, objectOf(generation)),
    ...(tokenizer?.body === undefined
      ? {}
      : {
          tokenizer: {
            model: objectOf(tokenizer),
            config: objectOf(tokenizerConfig),
            digest: await sha256(tokenizer.body),
          },
        }),
    ...(card?.body === undefined ? {} : { card: objectOf(card) }),
    files,
  };
}

/** `encoder_model_fp16.onnx`: the part of a model that one file holds, and the dtype of its weights. */
export const graphFile = (part: string, dtype: Dtype): string => `${part}${suffixes[dtype]}.onnx`;

/**
 * @param part `model`, or one of several graphs that make up a model, such as `encoder_model`
 * @returns undefined where the folder has no file of that dtype.
 */
export async function loadWeights(
  source: ModelSource,
  dtype: Dtype,
  options: ReadOptions,
  part = 'model',
): Promise<ModelWeights | undefined> {
  const file = graphFile(part, dtype);
  const [graph, data] = await Promise.all([
    source.read(`onnx/${file}`, options),
    source.read(`onnx/${file}_data`, options),
  ]);
  if (graph === undefined) return undefined;
  const external = new Map(data === undefined ? [] : [[`${file}_data`, data]]);
  const parts: readonly (readonly [string, Uint8Array<ArrayBuffer>])[] = [[file, graph], ...external];
  const files = await Promise.all(parts.map(([path, body]) => fileDigest(`onnx/${path}`, body)));
  return { dtype, file, graph, external, files };
}

/** One digest for the whole model: over the sorted list of path and SHA-256 of every file that shapes its answers. */
export function modelDigest(files: readonly FileDigest[]): Promise<Sha256Hex> {
  return digestOf(
    files.map(({ path, sha256: digest }) => [path, digest]).sort(([a = ''], [b = '']) => (a < b ? -1 : 1)),
  );
}

/** Sums the progress of files fetched side by side into bytes of bytes. */
export function sumProgress(report: (progress: BytesLoaded) => void): (progress: FileProgress) => void {
  const files = new Map<string, FileProgress>();
  return (progress) => {
    files.set(progress.path, progress);
    let loaded = 0;
    let total: number | undefined = 0;
    for (const file of files.values()) {
      loaded += file.loaded;
      total = total === undefined || file.total === undefined ? undefined : total + file.total;
    }
    report({
      file: progress.path,
      loaded: bytes(loaded),
      ...(total === undefined ? {} : { total: bytes(total) }),
      cached: progress.cached,
    });
  };
}

const fileDigest = async (path: string, body: Uint8Array<ArrayBuffer>): Promise<FileDigest> => ({
  path,
  bytes: bytes(body.byteLength),
  sha256: await sha256(body),
});
