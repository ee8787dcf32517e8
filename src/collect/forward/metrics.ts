import { Counter, Gauge, type Registry } from 'prom-client';
import type { ForwardMetrics } from './forwarder.ts';

/** @param behind segments of the log that are not forwarded to their end */
export function createForwardMetrics(registry: Registry, behind: () => number): ForwardMetrics {
  const registers = [registry];
  const forwarded = new Counter({
    name: 'sonde_forward_items_total',
    help: 'Records and exports of tier 0 that the endpoint took.',
    labelNames: ['signal'],
    registers,
  });
  const dropped = new Counter({
    name: 'sonde_forward_dropped_total',
    help: 'Records that the endpoint takes in no body; they are in the log.',
    labelNames: ['reason'],
    registers,
  });
  const waiting = new Gauge({
    name: 'sonde_forward_waiting',
    help: '1 while the endpoint takes nothing and the log is the queue.',
    registers,
  });
  new Gauge({
    name: 'sonde_forward_segments_behind',
    help: 'Closed segments of which something is still to be forwarded.',
    registers,
    collect() {
      this.set(behind());
    },
  });
  return {
    forwarded: (signal, items) => forwarded.inc({ signal }, items),
    dropped: (reason, items) => dropped.inc({ reason }, items),
    waiting: (isWaiting) => waiting.set(isWaiting ? 1 : 0),
  };
}
