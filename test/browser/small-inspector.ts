import { expose } from 'comlink';
import { createInspector } from '../../src/inspect/inspector.ts';

/** The real worker on a GPU that grants no more than every WebGPU does: 256 MiB a buffer. */
const request = GPUAdapter.prototype.requestDevice;
GPUAdapter.prototype.requestDevice = function requestSmallDevice(this: GPUAdapter, descriptor) {
  return request.call(this, { ...descriptor, requiredLimits: {} });
};

expose(createInspector());
