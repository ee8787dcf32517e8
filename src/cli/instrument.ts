import { writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { externalLocations } from '../instrument/external.ts';
import { fileSource, sizeAt } from '../load/folder.node.ts';
import { defaultDtype, openNodeModel } from '../run/open.node.ts';
import { SondeError } from '../shared/errors.ts';
import { emptyPlan } from '../shared/plan.ts';
import { readArguments } from './arguments.ts';
import { type PlanFile, readPlan } from './plan-file.ts';

const noEdits: PlanFile = { plan: emptyPlan, constants: new Map() };

/** `sonde instrument in.onnx out.onnx`: the model with hooks as outputs and edits, for any onnxruntime. */
export async function instrument(argv: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(argv, {
    plan: { type: 'string' },
    capture: { type: 'string', multiple: true },
  });
  const [from, to, ...more] = positionals;
  const { plan: file, capture: patterns = [] } = values;
  if (
    from === undefined ||
    to === undefined ||
    more.length > 0 ||
    (file === undefined && patterns.length === 0)
  )
    throw new SondeError(
      'invalid_argument',
      'A model to read, a file to write, and --plan or --capture are wanted.',
      "For example: sonde instrument model.onnx tapped.onnx --capture 'blocks.*.attn.hook_pattern'",
    );
  if (resolve(from) === resolve(to))
    throw new SondeError('invalid_argument', `${to} is the model that is read.`, 'Write to another file.');
  if ((await sizeAt(from)) === undefined)
    throw new SondeError('file_not_found', `There is no file ${from}.`, 'Name the .onnx file itself.');
  const { plan, constants } = file === undefined ? noEdits : await readPlan(file);
  const source = await fileSource(from);
  const opened = await openNodeModel(source, await defaultDtype(source));
  const { model, weights } = opened;
  const beside = externalLocations(weights.graph);
  if (beside.length > 0 && dirname(resolve(from)) !== dirname(resolve(to)))
    throw new SondeError(
      'invalid_argument',
      `The weights of ${from} lie beside it (${beside.join(', ')}), and would not be found from ${dirname(to)}.`,
      `Write into ${dirname(from)}, where the same locations hold.`,
    );
  const taps = [...plan.taps, ...patterns];
  const resolved = taps.length === 0 ? [] : model.instrumented.resolve(taps);
  const edited = model.instrumented.edit({ ...plan, taps: resolved }, 'published', constants);
  await opened.dispose();
  await writeFile(to, edited.bytes);
  for (const { output } of edited.taps) process.stdout.write(`output ${output}\n`);
  for (const { name, dims } of edited.edits) process.stdout.write(`input ${name} [${dims.join(', ')}]\n`);
  for (const name of constants.keys()) process.stdout.write(`constant ${name}\n`);
  const where = beside.length === 0 ? '' : `; weights stay in ${beside.join(', ')}`;
  process.stdout.write(`${to}: ${edited.taps.length} outputs and ${plan.edits.length} edits added${where}\n`);
  return 0;
}
