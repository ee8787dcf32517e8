import type { AdapterInfo } from '../protocol/device.ts';

/** A device in use. Its type stands apart from `device.ts`, because Node has no `navigator` to open one with. */
export interface Gpu {
  readonly device: GPUDevice;
  readonly adapter: AdapterInfo;
  /** A run that fails on a lost device says many things, seldom that. */
  readonly lost: () => Promise<boolean>;
  /** Whether a buffer could not be had since this was asked last. Asked while nothing else runs on the device. */
  readonly exhausted: () => Promise<boolean>;
}
