import type { Append } from './append.ts';
import { type Drafts, flattened } from './drafts.ts';
import type { Join } from './residual.ts';
import type { Branch } from './structure.ts';
import type { View } from './view.ts';

const dims = ['batch', 'position', 'd_model'] as const;

/** What a branch adds to the stream. */
export function branchHook(drafts: Drafts, name: string, branch: Branch): void {
  const { output, join } = branch;
  const { bias } = join;
  if (bias === undefined || output !== join.branch) {
    drafts.row(name, output, flattened);
    return;
  }
  drafts.derived(name, dims, [output, bias], 'the bias is added inside the norm operator', (append) =>
    append.node('Add', [append.wide(output), append.wide(bias)]),
  );
}

/** The stream after a join: its own tensor, or its operands added up again. */
export function sumHook(drafts: Drafts, view: View, name: string, join: Join): void {
  const { node, sum, stream, branch, bias } = join;
  if (sum !== undefined) {
    drafts.row(name, sum, flattened);
    return;
  }
  const rest = bias === undefined ? [stream] : [stream, bias];
  const value = (append: Append, added: string): string =>
    rest.reduce((total, each) => append.node('Add', [total, append.wide(each)]), append.wide(added));
  // A branch that nothing else reads can make up for a change to the sum.
  const finish = (append: Append, changed: string): string =>
    rest.reduce((left, each) => append.node('Sub', [left, append.wide(each)]), changed);
  const how = 'the sum that the norm operator keeps to itself';
  const { index } = view;
  const isOwn = !index.isOutput(branch) && index.consumers(branch).every((reader) => reader === node);
  const site = isOwn ? drafts.rowSite(branch, { value, finish, isMakeshift: true }) : undefined;
  drafts.derived(name, dims, [...rest, branch], how, (append) => value(append, branch), { site });
}
