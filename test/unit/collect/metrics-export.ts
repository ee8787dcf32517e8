import type { MergingHistogram } from '../../../src/schema/exponential.ts';
import { secondsEdges } from '../../../src/schema/metrics.ts';

const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
const number = (key: string, value: number) => ({ key, value: { intValue: String(value) } });

export interface Export {
  readonly session: string;
  readonly seq: number;
  /** Measurements added up; default 1. */
  readonly count?: number;
  readonly model?: string;
  readonly requests?: number;
  readonly entropy?: MergingHistogram;
  /** Seconds. */
  readonly introspection?: readonly number[];
}

/** One export as OpenTelemetry's JSON mapping of ExportMetricsServiceRequest has it. */
export function metricsExport({
  session,
  seq,
  count: measurements = 1,
  model = 'm',
  requests,
  entropy,
  introspection,
}: Export) {
  const attributes = [text('gen_ai.request.model', model), text('sonde.request.outcome', 'ok')];
  const metrics: object[] = [];
  if (requests !== undefined)
    metrics.push({
      name: 'sonde.requests',
      unit: '{request}',
      sum: {
        aggregationTemporality: 1,
        isMonotonic: true,
        dataPoints: [{ attributes, asInt: String(requests) }],
      },
    });
  if (entropy !== undefined) {
    const { scale, zeroCount, count, sum, offset, counts } = entropy.read();
    const positive = { offset, bucketCounts: counts.map(String) };
    const point = {
      attributes,
      scale,
      zeroCount: String(zeroCount),
      count: String(count),
      sum,
      positive,
    };
    metrics.push({
      name: 'sonde.token.entropy',
      unit: '{nat}',
      exponentialHistogram: { aggregationTemporality: 1, dataPoints: [point] },
    });
  }
  if (introspection !== undefined) {
    const counts = Array.from({ length: secondsEdges.length + 1 }, () => 0);
    for (const value of introspection) {
      const at = secondsEdges.findIndex((edge) => value <= edge);
      const bucket = at < 0 ? secondsEdges.length : at;
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
    const point = {
      attributes,
      explicitBounds: secondsEdges,
      bucketCounts: counts.map(String),
      count: String(introspection.length),
      sum: introspection.reduce((sum, value) => sum + value, 0),
    };
    metrics.push({
      name: 'sonde.introspection.duration',
      unit: 's',
      histogram: { aggregationTemporality: 1, dataPoints: [point] },
    });
  }
  return {
    resourceMetrics: [
      {
        resource: { attributes: [text('service.name', 'shop')] },
        scopeMetrics: [
          {
            scope: {
              name: 'sonde',
              attributes: [
                text('sonde.session', session),
                number('sonde.epoch', 0),
                number('sonde.seq', seq),
                number('sonde.seq.count', measurements),
              ],
            },
            metrics,
          },
        ],
      },
    ],
  };
}
