import type { Dtype } from '../protocol/device.ts';
import { bytes } from '../shared/units.ts';
import type { ModelSource } from './source.ts';

/** Tried in this order after the one asked for. */
export const dtypes: readonly Dtype[] = ['fp32', 'fp16', 'q8', 'q4', 'q4f16'];

/** What exporters append to a part's name; of several spellings of a dtype the first that exists is taken. */
const suffixes: Readonly<Record<Dtype, readonly string[]>> = {
  fp32: [''],
  fp16: ['_fp16'],
  q8: ['_quantized', '_int8', '_uint8'],
  q4: ['_q4', '_bnb4'],
  q4f16: ['_q4f16'],
};

/** Optimum's converter for the browser puts graphs under `onnx`, Optimum itself and the genai builder do not. */
const folders = ['onnx/', ''];

/** Graphs that exporters split models into; where a whole one lies beside its parts, the whole is taken. */
export const partsInOrder: readonly (readonly string[])[] = [
  ['model'],
  ['encoder_model', 'decoder_model_merged'],
  ['encoder_model', 'decoder_model'],
  ['text_model', 'vision_model'],
  ['encoder_model'],
  ['decoder_model_merged'],
  ['decoder_model'],
  ['text_model'],
  ['vision_model'],
];

/** A protobuf message cannot be larger. */
export const largestMessage = bytes(2 ** 31 - 1);

/** One ONNX file, whose weights may lie in other files. */
export interface GraphFile {
  /** `model`, or one of several graphs that make up a model, such as `encoder_model`. */
  readonly part: string;
  readonly dtype: Dtype;
  /** From the model's folder, e.g. `onnx/model.onnx`. */
  readonly path: string;
}

/** What its name says of a file that was named itself: a name that says nothing is fp32. */
export function fileNamed(path: string): GraphFile {
  const name =
    path
      .split('/')
      .at(-1)
      ?.replace(/\.onnx$/, '') ?? '';
  for (const dtype of dtypes)
    for (const suffix of suffixes[dtype])
      if (suffix !== '' && name.endsWith(suffix)) return { part: name.slice(0, -suffix.length), dtype, path };
  return { part: name, dtype: 'fp32', path };
}

/** Where a part may lie in that dtype, likeliest first. */
export function graphFiles(source: ModelSource, dtype: Dtype, part: string): readonly GraphFile[] {
  if (source.graph === undefined)
    return folders.flatMap((folder) =>
      suffixes[dtype].map((suffix) => ({ part, dtype, path: `${folder}${part}${suffix}.onnx` })),
    );
  const named = fileNamed(source.graph);
  return named.dtype === dtype && (part === 'model' || part === named.part) ? [named] : [];
}

async function findGraph(source: ModelSource, dtype: Dtype, part: string): Promise<GraphFile | undefined> {
  for (const file of graphFiles(source, dtype, part))
    if ((await source.size(file.path)) !== undefined) return file;
  return undefined;
}

/** Every graph of a model in one dtype, in the order in which they feed each other; none where there is none. */
export async function findGraphs(source: ModelSource, dtype: Dtype): Promise<readonly GraphFile[]> {
  const known = new Map<string, Promise<GraphFile | undefined>>();
  const find = (part: string): Promise<GraphFile | undefined> => {
    const found = known.get(part) ?? findGraph(source, dtype, part);
    known.set(part, found);
    return found;
  };
  for (const parts of partsInOrder) {
    const found = await Promise.all(parts.map(find));
    const files = found.filter((file) => file !== undefined);
    if (files.length === parts.length) return files;
  }
  return [];
}

/** The dtypes of which a model has any graph. */
export async function dtypesOf(source: ModelSource): Promise<readonly Dtype[]> {
  const found = await Promise.all(
    dtypes.map(async (dtype) => ({ dtype, graphs: await findGraphs(source, dtype) })),
  );
  return found.filter(({ graphs }) => graphs.length > 0).map(({ dtype }) => dtype);
}
