import { SondeError } from '../../shared/errors.ts';
import type { Baseline, NullScale } from './baseline.ts';
import type { Traffic } from './statistics.ts';

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isRow = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((item) => Number.isFinite(item));
const isTable = (value: unknown): value is readonly (readonly number[])[] =>
  Array.isArray(value) && value.every(isRow) && new Set(value.map(({ length }) => length)).size <= 1;

function isTraffic(value: unknown): value is Traffic {
  if (!isObject(value) || !isObject(value.features)) return false;
  const { features, embeddings, attributions } = value;
  const columns = Object.values(features);
  if (!columns.every(isRow) || !isTable(embeddings) || !isTable(attributions)) return false;
  const sizes = [...columns, embeddings, attributions].map(({ length }) => length).filter(Boolean);
  return sizes.length > 0 && new Set(sizes).size === 1;
}

const isScale = (value: unknown): value is NullScale =>
  isObject(value) &&
  [value.offset, value.mean, value.deviation].every(Number.isFinite) &&
  Number(value.offset) >= 0 &&
  Number(value.deviation) > 0;

/** As many baselines as the cycle has parts, this one and the others. */
function areSeasons(seasons: unknown, others: unknown): boolean {
  if (seasons === undefined) return others === undefined;
  if (!isObject(seasons) || !Array.isArray(others)) return false;
  const { period, parts } = seasons;
  return (
    Number.isInteger(period) &&
    Number(period) > 0 &&
    parts === others.length + 1 &&
    others.every((other) => isObject(other) && other.seasons === undefined && isBaseline(other))
  );
}

const isShare = (value: unknown): boolean => Number(value) > 0 && Number(value) < 1;

/**
 * A `baseline.json`, which may be anybody's.
 * @throws SondeError `model_invalid` where it is no baseline
 */
export function parseBaseline(json: Json): Baseline {
  if (isBaseline(json)) return json as unknown as Baseline;
  throw new SondeError(
    'model_invalid',
    'baseline.json is no baseline.',
    'Make it again with `npx sonde baseline`, or take it out of the folder.',
  );
}

function isBaseline(json: Json): boolean {
  const { reference, window, scales, limit, falseAlarms, embedding, preparation = {}, smoothing = 1 } = json;
  return (
    isTraffic(reference) &&
    Number.isInteger(window) &&
    Number(window) > 0 &&
    isObject(scales) &&
    Object.values(scales).every(isScale) &&
    Number.isFinite(limit) &&
    isShare(falseAlarms) &&
    (embedding === undefined || typeof embedding === 'string') &&
    isObject(preparation) &&
    Object.values(preparation).every((word) => typeof word === 'string') &&
    Number.isFinite(smoothing) &&
    Number(smoothing) > 0 &&
    Number(smoothing) <= 1 &&
    areSeasons(json.seasons, json.others)
  );
}
