import { expose } from 'comlink';
import { createInspector } from '../../src/inspect/inspector.ts';

/** The real worker in a browser whose WebGPU has no adapter for it, as on a blocklisted driver. */
GPU.prototype.requestAdapter = async () => null;

expose(createInspector());
