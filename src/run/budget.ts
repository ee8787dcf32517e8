import { SondeError } from '../shared/errors.ts';
import type { Hook } from '../shared/hook.ts';
import { elementCount } from '../shared/tensor.ts';

/** Bytes in float32 that hooks hold over a text of so many tokens, every row of it whole. */
export function captureBytes(hooks: readonly Hook[], tokens: number, encoderTokens = tokens): number {
  const bytesOf = ({ name, dims }: Hook): number => {
    const size = (label: string, axis: number): number => {
      if (axis === 0) return 1;
      const isEncoders = name.startsWith('encoder.') || (label === 'key' && name.includes('.cross_attn.'));
      return isEncoders ? encoderTokens : tokens;
    };
    return 4 * elementCount(dims.map((each, axis) => (typeof each === 'number' ? each : size(each, axis))));
  };
  return hooks.reduce((sum, hook) => sum + bytesOf(hook), 0);
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

/** @throws SondeError `capture_too_large` */
export function requireBudget(bytes: number, budget: number): void {
  if (bytes <= budget) return;
  throw new SondeError(
    'capture_too_large',
    `This capture would hold up to ${mebibytes(bytes)}; its budget is ${mebibytes(budget)}.`,
    'Capture fewer hooks or a shorter text, take level "summary", or raise captureBudget.',
  );
}
