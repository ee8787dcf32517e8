import type { HookProof } from '../shared/hook.ts';
import type { Verdict } from '../shared/proof.ts';
import type { Milliseconds } from '../shared/units.ts';
import type { DeviceReport } from './device.ts';

/** What a probe forward over made-up inputs shows of every hook, without any reference. */
export interface ModelProof extends Pick<DeviceReport, 'device' | 'dtype'> {
  /** By hook name, every hook of `ModelInfo.hooks`. */
  readonly hooks: Readonly<Record<string, HookProof>>;
  /** Every identity that applies, whether it held, failed or was skipped. */
  readonly verdicts: readonly Verdict[];
  /** Hooks that the runtime refused to compute, with what it said. */
  readonly refused: Readonly<Record<string, string>>;
  readonly elapsed: Milliseconds;
}
