import { expose } from 'comlink';
import { InferenceSession } from 'onnxruntime-web/webgpu';
import { createInspector } from '../../src/inspect/inspector.ts';

/** The real worker on a machine with a fault, which the worker's name says. */
if (self.name === 'wrong exponential') {
  // A driver that compiles one function of one kernel wrongly.
  const create = GPUDevice.prototype.createShaderModule;
  GPUDevice.prototype.createShaderModule = function createWrongModule(this: GPUDevice, descriptor) {
    const isSoftmax = /softmax/i.test(descriptor.label ?? '');
    const code = isSoftmax ? descriptor.code.replace(/\bexp\(/g, 'exp2(') : descriptor.code;
    return create.call(this, { ...descriptor, code });
  };
} else if (self.name === 'no WASM provider') {
  // For the model, that is: the graph of one node that the runtime starts with is far smaller.
  const create = InferenceSession.create;
  const refusing = (model: Uint8Array, options: InferenceSession.SessionOptions) =>
    options.executionProviders?.includes('wasm') && model.byteLength > 1024
      ? Promise.reject(new Error('Could not find an implementation'))
      : create(model, options);
  InferenceSession.create = refusing as typeof create;
}

expose(createInspector());
