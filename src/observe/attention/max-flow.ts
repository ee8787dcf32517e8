import { type Pattern, weightAt } from './pattern.ts';

/** Flows are sums of float32 probabilities: what is left below this is rounding. */
const nothing = 1e-12;

/** Residual network of the layered attention graph; node (layer, token) is layer * tokens + token. */
interface Network {
  readonly to: number[];
  readonly capacity: number[];
  readonly edges: number[][];
}

function connect(network: Network, from: number, to: number, capacity: number): void {
  network.edges[from]?.push(network.to.length);
  network.to.push(to);
  network.capacity.push(capacity);
  network.edges[to]?.push(network.to.length);
  network.to.push(from);
  network.capacity.push(0);
}

/** Distance from the source of every node with capacity left on the way; -1 = unreachable. */
function levels(network: Network, source: number): Int32Array {
  const level = new Int32Array(network.edges.length).fill(-1);
  level[source] = 0;
  const queue = [source];
  for (const node of queue)
    for (const edge of network.edges[node] ?? []) {
      const next = network.to[edge] as number;
      if ((network.capacity[edge] as number) > nothing && level[next] === -1) {
        level[next] = (level[node] as number) + 1;
        queue.push(next);
      }
    }
  return level;
}

/** Dinic's algorithm (1970); each call uses up the network's capacities. */
function maximum(network: Network, source: number, sink: number): number {
  let total = 0;
  for (let level = levels(network, source); level[sink] !== -1; level = levels(network, source)) {
    const tried = new Int32Array(network.edges.length);
    const push = (node: number, amount: number): number => {
      if (node === sink) return amount;
      const edges = network.edges[node] ?? [];
      for (; (tried[node] as number) < edges.length; tried[node] = (tried[node] as number) + 1) {
        const edge = edges[tried[node] as number] as number;
        const next = network.to[edge] as number;
        const left = network.capacity[edge] as number;
        if (left <= nothing || level[next] !== (level[node] as number) + 1) continue;
        const sent = push(next, Math.min(amount, left));
        if (sent <= nothing) continue;
        network.capacity[edge] = left - sent;
        network.capacity[edge ^ 1] = (network.capacity[edge ^ 1] as number) + sent;
        return sent;
      }
      return 0;
    };
    for (let sent = push(source, Infinity); sent > nothing; sent = push(source, Infinity)) total += sent;
  }
  return total;
}

function build(layers: readonly Pattern[], tokens: number): Network {
  const nodes = (layers.length + 1) * tokens;
  const network: Network = { to: [], capacity: [], edges: Array.from({ length: nodes }, () => []) };
  layers.forEach((layer, l) => {
    for (let q = 0; q < tokens; q++)
      for (let k = 0; k < tokens; k++) {
        const weight = weightAt(layer, q, k);
        if (weight > 0) connect(network, (l + 1) * tokens + q, l * tokens + k, weight);
      }
  });
  return network;
}

/**
 * Attention flow (Abnar & Zuidema 2020): the maximum flow from one position of the last layer to each input token,
 * with the weights as capacities. Flows to different tokens share edges, so they may add up to more than 1.
 * Costs one maximum flow a token: meant for one position at a time and some dozens of tokens.
 * @param layers first to last, each [tokens, tokens]: `withResidual(meanOfHeads(heads))` for the usual form
 * @returns [tokens], each in [0, 1]
 */
export function attentionFlow(layers: readonly Pattern[], position: number): Float64Array {
  const tokens = layers[0]?.queries ?? 0;
  const source = layers.length * tokens + position;
  return Float64Array.from({ length: tokens }, (_, sink) => maximum(build(layers, tokens), source, sink));
}
