import { ExponentialHistogram } from '../schema/exponential.ts';
import type { Masked } from '../schema/masked.ts';
import {
  type Amount,
  type AttributeKey,
  type Attributes,
  type Instrument,
  type Measurement,
  type MetricKey,
  type MetricPoint,
  metricFields,
  type Value,
} from '../schema/metrics.ts';

/** 9 % to a bucket: a delta may hold a single request, and must not tell its values finer than its record does. */
const finestScale = 3;

/** One point that grows. */
interface Growing {
  add(value: number, times: number): void;
  read(): Amount;
}

function growing(instrument: Instrument): Growing {
  switch (instrument.kind) {
    case 'counter': {
      let total = 0;
      return {
        add: (value, times) => {
          total += value * times;
        },
        read: () => ({ kind: 'counter', value: total }),
      };
    }
    case 'exponential': {
      const histogram = new ExponentialHistogram(finestScale);
      return {
        add: (value, times) => histogram.add(value, times),
        read: () => ({ kind: 'exponential', ...histogram.read() }),
      };
    }
    case 'explicit': {
      const { edges } = instrument;
      const counts = edges.map(() => 0).concat(0);
      let sum = 0;
      return {
        add(value, times) {
          const at = edges.findIndex((edge) => value <= edge);
          const bucket = at < 0 ? edges.length : at;
          counts[bucket] = (counts[bucket] ?? 0) + times;
          sum += value * times;
        },
        read: () => ({
          kind: 'explicit',
          count: counts.reduce((a, b) => a + b, 0),
          sum,
          counts: [...counts],
        }),
      };
    }
  }
}

/** What measurements add up to since the last export. */
export class Delta {
  readonly #points = new Map<
    string,
    { readonly metric: MetricKey; readonly attributes: Attributes; readonly growing: Growing }
  >();

  add({ about, values }: Masked<Measurement>): void {
    for (const value of values) this.#put(about, value);
  }

  #put(about: Attributes, { metric, value, times = 1 }: Value): void {
    const field = metricFields[metric];
    const present = field.attributes.filter((key: AttributeKey) => about[key] !== undefined);
    const attributes: Attributes = Object.fromEntries(present.map((key) => [key, about[key]]));
    const name = JSON.stringify([metric, attributes]);
    const point = this.#points.get(name) ?? { metric, attributes, growing: growing(field.instrument) };
    this.#points.set(name, point);
    point.growing.add(value, times);
  }

  points(): readonly MetricPoint[] {
    return [...this.#points.values()].map(({ metric, attributes, growing: { read } }) => ({
      metric,
      attributes,
      amount: read(),
    }));
  }
}
