import { readFile } from 'node:fs/promises';
import { type JsonObject, parseObject } from '../load/config.ts';
import { SondeError } from '../shared/errors.ts';
import type { Edit, Plan } from '../shared/plan.ts';
import { elementCount, type FloatTensor } from '../shared/tensor.ts';

/** A plan as a file, with the values of those edits that shall be part of the graph. */
export interface PlanFile {
  /** Taps may be patterns here. */
  readonly plan: Plan;
  readonly constants: ReadonlyMap<string, FloatTensor>;
}

const wrong = (file: string, what: string): SondeError =>
  new SondeError(
    'invalid_plan',
    `${file} is no plan: ${what}.`,
    'A plan is {"taps": [hook, …], "edits": [{"kind": "replace|add|scale", "hook", "input"}, …], "constants": {input: {"dims", "data"}}}.',
  );

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string';

const isEdit = (value: unknown): value is Edit =>
  isObject(value) &&
  isText(value.hook) &&
  isText(value.input) &&
  (value.kind === 'replace' || value.kind === 'add' || value.kind === 'scale');

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'number');
}

/** @throws SondeError `file_not_found` | `model_invalid` (no JSON) | `invalid_plan` */
export async function readPlan(file: string): Promise<PlanFile> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new SondeError('file_not_found', `There is no plan ${file}.`, 'Name a JSON file.', { cause });
  });
  const { taps = [], edits = [], constants = {}, ...others } = parseObject(bytes, file);
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw wrong(file, `it has a field "${unknown}"`);
  if (!Array.isArray(taps) || !taps.every(isText)) throw wrong(file, '"taps" is no list of hooks');
  if (!Array.isArray(edits) || !edits.every(isEdit)) throw wrong(file, '"edits" is no list of edits');
  if (!isObject(constants)) throw wrong(file, '"constants" is no object');
  const values = Object.entries(constants).map(([name, value]): [string, FloatTensor] => {
    const { dims, data } = isObject(value) ? value : {};
    if (!isNumbers(dims) || !isNumbers(data) || elementCount(dims) !== data.length)
      throw wrong(file, `constant "${name}" has no dims, or another number of values`);
    return [name, { type: 'float32', dims, data: Float32Array.from(data) }];
  });
  return { plan: { taps, edits }, constants: new Map(values) };
}
