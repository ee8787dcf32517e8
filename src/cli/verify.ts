import { defaultDtype } from '../run/open.node.ts';
import { deviceOf, dtypeOf, readArguments } from './arguments.ts';
import { type Checked, checkFolder, passes } from './check.ts';
import { modelOptions, namedSource } from './model.ts';
import { table } from './table.ts';
import { verifySelf } from './verify-self.ts';

function row({ name, comparison }: Checked): string[] {
  if (comparison.kind !== 'compared') return [name, '', '', `${comparison.kind}: ${comparison.reason}`];
  const { difference, tolerance, pass } = comparison;
  return [name, difference.toExponential(2), tolerance.toExponential(2), pass ? 'pass' : 'FAIL'];
}

/**
 * `sonde verify [--self] MODEL`: exit status 1 on any failure, missing golden or golden hook that cannot be had, and when
 * nothing was compared.
 */
export async function verify(argv: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(argv, {
    device: { type: 'string', default: 'wasm' },
    self: { type: 'boolean', default: false },
    ...modelOptions,
  });
  const dtype = values.dtype === undefined ? undefined : dtypeOf(values.dtype);
  const device = deviceOf(values.device);
  const source = await namedSource(positionals, values);
  if (values.self) return verifySelf(source, dtype);
  const checked = await checkFolder(source, device, dtype ?? (await defaultDtype(source)));
  const compared = checked.filter(({ comparison }) => comparison.kind === 'compared').length;
  const unavailable = checked.filter(({ comparison }) => comparison.kind === 'unavailable').length;
  const failed = checked.filter((each) => !passes(each)).length - unavailable;
  process.stdout.write(
    `${table(['hook', 'max difference', 'tolerance', 'result'], checked.map(row))}\n\n` +
      `${source.id} on ${device}: ${compared} compared, ${failed} failed, ${unavailable} unavailable\n`,
  );
  return checked.every(passes) && compared > 0 ? 0 : 1;
}
