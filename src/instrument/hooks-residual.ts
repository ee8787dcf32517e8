import { type Drafts, flattened } from './drafts.ts';
import type { Join } from './residual.ts';
import type { Branch } from './structure.ts';

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
export function sumHook(drafts: Drafts, name: string, join: Join): void {
  const { sum, stream, branch, bias } = join;
  if (sum !== undefined) {
    drafts.row(name, sum, flattened);
    return;
  }
  const from = bias === undefined ? [stream, branch] : [stream, branch, bias];
  drafts.derived(name, dims, from, 'the sum that the norm operator keeps to itself', (append) => {
    const both = append.node('Add', [append.wide(stream), append.wide(branch)]);
    return bias === undefined ? both : append.node('Add', [both, append.wide(bias)]);
  });
}
