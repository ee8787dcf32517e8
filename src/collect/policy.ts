import { readFile } from 'node:fs/promises';
import type { Policy } from '../shared/control.ts';
import { SondeError } from '../shared/errors.ts';

/** What every answer tells the pages: `off` stops their telemetry until they are loaded again. */
export type OperatorPolicy = Omit<Policy, 'kind'>;

const isProbability = (value: unknown): boolean => typeof value === 'number' && value > 0 && value <= 1;

function isPolicy(value: unknown): value is OperatorPolicy {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(
    ([key, item]) =>
      (key === 'off' && typeof item === 'boolean') || (key === 'sampling' && isProbability(item)),
  );
}

/** @throws SondeError `invalid_argument` for a file that is absent, is no JSON, or says more than a policy can */
export async function readPolicy(file: string): Promise<OperatorPolicy> {
  const fault = (what: string, cause?: unknown) =>
    new SondeError(
      'invalid_argument',
      `The policy file ${file} ${what}.`,
      'Write {"off": true} or {"sampling": 0.1}; {} changes nothing.',
      { cause },
    );
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw fault(error instanceof SyntaxError ? 'is not JSON' : 'cannot be read', error);
  }
  if (!isPolicy(value)) throw fault('may hold `off` (true or false) and `sampling` (over 0, up to 1) only');
  return value;
}
