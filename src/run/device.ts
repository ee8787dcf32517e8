import type { AdapterInfo } from '../protocol/device.ts';
import { SondeError } from '../shared/errors.ts';

export interface Gpu {
  readonly device: GPUDevice;
  readonly adapter: AdapterInfo;
  /** A run that fails on a lost device says many things, seldom that. */
  readonly lost: () => boolean;
}

const usefulFeatures: readonly GPUFeatureName[] = ['shader-f16', 'subgroups', 'timestamp-query'];
const usefulLimits = [
  'maxBufferSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
  'maxComputeWorkgroupStorageSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
] as const;

/**
 * One device for every session and every kernel, asked for with all the adapter has: onnxruntime chooses its
 * programs by the features it finds.
 * @throws SondeError `no_device`
 */
export async function openGpu(): Promise<Gpu> {
  const gpu: GPU | undefined = navigator.gpu;
  const adapter = await gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (gpu === undefined || adapter === null || adapter === undefined) {
    throw new SondeError(
      'no_device',
      gpu === undefined ? 'This browser has no WebGPU.' : 'WebGPU found no adapter.',
      'Use device "auto" or "wasm", or a browser with WebGPU on a secure page.',
    );
  }
  const device = await adapter.requestDevice({
    requiredFeatures: usefulFeatures.filter((feature) => adapter.features.has(feature)),
    requiredLimits: Object.fromEntries(usefulLimits.map((limit) => [limit, adapter.limits[limit]])),
  });
  let lost = false;
  void device.lost.then(() => {
    lost = true;
  });
  const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
  return { device, adapter: { vendor, architecture, description, isFallbackAdapter }, lost: () => lost };
}
