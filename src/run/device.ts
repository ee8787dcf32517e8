import { SondeError } from '../shared/errors.ts';
import { speaksOfMemory } from './fault.ts';
import type { Gpu } from './gpu.ts';

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
  return useGpu(device, adapter.info);
}

/** A device that somebody else opened. */
export function useGpu(device: GPUDevice, info: GPUAdapterInfo = device.adapterInfo): Gpu {
  const gone = device.lost.then(() => true);
  // The browser tells of a loss a little later than the run that met it fails.
  const lost = (): Promise<boolean> => Promise.race([gone, later(tellsWithin, false)]);
  const { vendor, architecture, description, isFallbackAdapter } = info;
  const adapter = { vendor, architecture, description, isFallbackAdapter };
  return { device, adapter, lost, exhausted: watchExhaustion(device) };
}

/**
 * A buffer that cannot be had is no exception: the run fails later, at whatever reads it first. Why is told in an
 * event, or stays in the error scopes that onnxruntime leaves open when a run breaks off.
 */
function watchExhaustion(device: GPUDevice): () => Promise<boolean> {
  let isExhausted = false;
  const note = (error: GPUError | null): void => {
    isExhausted ||= error instanceof GPUOutOfMemoryError || (error !== null && speaksOfMemory(error.message));
  };
  device.addEventListener('uncapturederror', ({ error }) => note(error));
  return async () => {
    for (let scope = 0; scope < mostScopes; scope++) {
      const error = await device.popErrorScope().catch(() => 'none left' as const);
      if (error === 'none left') break;
      note(error);
    }
    const answer = isExhausted;
    isExhausted = false;
    return answer;
  };
}

/** A lost device has scopes without end. */
const mostScopes = 8;

const tellsWithin = 100;

const later = <T>(ms: number, value: T): Promise<T> =>
  new Promise((resolve) => {
    setTimeout(() => resolve(value), ms);
  });
