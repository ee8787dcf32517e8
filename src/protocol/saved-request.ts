import { SondeError } from '../shared/errors.ts';
import type { ClassChance, GenerateOptions, Message, Provenance, RequestContext } from './request.ts';

/** What decides which tokens are made, which plan they are made under, and what can be checked of the input. */
export type SavedOptions = Omit<GenerateOptions, keyof RequestContext | 'captureBudget'> &
  Pick<RequestContext, 'retrieved'>;

export interface SavedToken {
  readonly id: number;
  readonly text: string;
  readonly logProbability: number;
}

/** A request and its answer, as somebody keeps them on their own disk. It holds the input: Sonde sends it nowhere. */
export type SavedRequest = {
  readonly format: 'sonde-request/1';
  readonly provenance: Provenance;
} & (
  | { readonly operation: 'classify'; readonly input: string; readonly classes: readonly ClassChance[] }
  | {
      readonly operation: 'generate';
      readonly input: string | readonly Message[];
      readonly options: SavedOptions;
      readonly tokens: readonly SavedToken[];
    }
);

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string';
const isListOf = (value: unknown, isItem: (item: Json) => boolean): boolean =>
  Array.isArray(value) && value.every((item) => isObject(item) && isItem(item));

const isProvenance = (value: unknown): boolean =>
  isObject(value) &&
  ['modelId', 'modelDigest', 'planDigest', 'dtype', 'device', 'sondeVersion', 'runtimeVersion'].every(
    (name) => isText(value[name]),
  );
const isClassify = ({ operation, input, classes }: Json): boolean =>
  operation === 'classify' &&
  isText(input) &&
  isListOf(classes, ({ label, probability }) => isText(label) && Number.isFinite(probability));
const isGenerate = ({ operation, input, options, tokens }: Json): boolean =>
  operation === 'generate' &&
  (isText(input) || isListOf(input, ({ role, content }) => isText(role) && isText(content))) &&
  isObject(options) &&
  isListOf(
    tokens,
    ({ id, text, logProbability }) => Number.isInteger(id) && isText(text) && Number.isFinite(logProbability),
  );

/**
 * Reads what `saveClassification` or `saveGeneration` gave. Its options are checked when they are used.
 * @throws SondeError `invalid_argument` where it is anything else
 */
export function parseSavedRequest(text: string): SavedRequest {
  let saved: unknown;
  try {
    saved = JSON.parse(text);
  } catch {
    saved = undefined;
  }
  if (
    isObject(saved) &&
    saved.format === 'sonde-request/1' &&
    isProvenance(saved.provenance) &&
    (isClassify(saved) || isGenerate(saved))
  )
    return saved as unknown as SavedRequest;
  throw new SondeError(
    'invalid_argument',
    'This file is no request that Sonde saved.',
    'Save one in the playground, or with saveClassification or saveGeneration.',
  );
}
