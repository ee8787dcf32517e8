import { expose } from 'comlink';
import { createInspector } from '../../src/inspect/inspector.ts';

/** The real worker, except that the page can pull its GPU away, as a driver reset does. */
const request = GPUAdapter.prototype.requestDevice;
GPUAdapter.prototype.requestDevice = async function requestLossyDevice(this: GPUAdapter, ...given) {
  const device = await request.apply(this, given);
  const channel = new BroadcastChannel('lose the device');
  channel.onmessage = () => device.destroy();
  return device;
};

expose(createInspector());
