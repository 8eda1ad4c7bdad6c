/**
 * Where the boxes and lines of a pipeline's graph lie, in layers from top to bottom.
 *
 * After Sugiyama, Tagawa and Toda (IEEE Trans. Syst. Man Cybern. 11(2), 1981): a layer for each step, an order in each
 * layer with few crossings, then places near those of a step's neighbours. A pipeline has some tens of steps and comes
 * in a topological order, which makes each part short. A layout depends on steps and edges only, so it is kept until
 * these change; colours and states are painted over it.
 */

export interface INode {
  name: string;
  /** The middle of the box. */
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface ILine {
  from: string;
  to: string;
  /** From the lower edge of one box to the upper edge of the other. */
  points: { x: number; y: number }[];
}

export interface ILayout {
  width: number;
  height: number;
  nodes: INode[];
  lines: ILine[];
}

export const BOX = { width: 126, height: 40 } as const;
const MARGIN = 10;
const BETWEEN = 14;
const LAYER = BOX.height + 28;
const SWEEPS = 8;

/** A box, or a place where a line passes through a layer. */
interface IItem {
  name: string | null;
  layer: number;
  x: number;
  width: number;
  above: IItem[];
  below: IItem[];
}

/** Lay a graph out. `steps` are in an order in which every edge goes forward; other edges are left out. */
export function layout(steps: readonly string[], edges: readonly { from: string; to: string }[]): ILayout {
  const at = new Map(steps.map((name, i) => [name, i]));
  const links = [...new Set(edges.map(edge => JSON.stringify([edge.from, edge.to])))]
    .map(key => JSON.parse(key) as [string, string])
    .filter(([from, to]) => (at.get(from) ?? Infinity) < (at.get(to) ?? -1));
  const layers = layersOf(steps, links);
  const items = new Map(steps.map(name => [name, item(name, layers.get(name)!)]));
  const rows: IItem[][] = [];
  const put = (each: IItem): void => {
    (rows[each.layer] ??= []).push(each);
  };
  items.forEach(put);
  const ways = links.map(([from, to]) => {
    const way = [items.get(from)!];
    for (let layer = layers.get(from)! + 1; layer < layers.get(to)!; layer++) {
      way.push(item(null, layer));
      put(way[way.length - 1]);
    }
    way.push(items.get(to)!);
    way.slice(1).forEach((each, i) => {
      way[i].below.push(each);
      each.above.push(way[i]);
    });
    return way;
  });
  const ordered = order(rows);
  spread(ordered);
  const all = ordered.flat();
  const left = Math.min(...all.map(each => each.x - each.width / 2), Infinity);
  const shift = Number.isFinite(left) ? MARGIN - left : 0;
  all.forEach(each => (each.x += shift));
  const y = (each: IItem): number => MARGIN + each.layer * LAYER + BOX.height / 2;
  return {
    width: steps.length ? Math.max(...all.map(each => each.x + each.width / 2)) + MARGIN : 0,
    height: rows.length ? rows.length * LAYER - (LAYER - BOX.height) + 2 * MARGIN : 0,
    nodes: [...items].map(([name, each]) => ({ name, x: each.x, y: y(each), ...BOX })),
    lines: ways.map(way => ({
      from: way[0].name!,
      to: way[way.length - 1].name!,
      points: way.flatMap((each, i) => [
        ...(i ? [{ x: each.x, y: y(each) - BOX.height / 2 }] : []),
        ...(i < way.length - 1 ? [{ x: each.x, y: y(each) + BOX.height / 2 }] : [])
      ])
    }))
  };
}

function item(name: string | null, layer: number): IItem {
  return { name, layer, x: 0, width: name === null ? 8 : BOX.width, above: [], below: [] };
}

/** The longest way from the top; a step that more need than it needs then moves down to them. */
function layersOf(steps: readonly string[], links: readonly [string, string][]): Map<string, number> {
  const layers = new Map<string, number>();
  for (const step of steps) {
    layers.set(step, Math.max(-1, ...links.filter(([, to]) => to === step).map(([from]) => layers.get(from)!)) + 1);
  }
  for (const step of [...steps].reverse()) {
    const below = links.filter(([from]) => from === step).map(([, to]) => layers.get(to)!);
    if (below.length > links.filter(([, to]) => to === step).length) {
      layers.set(step, Math.min(...below) - 1);
    }
  }
  return layers;
}

/** The best of several sweeps in which each layer is put in the order of its neighbours' middles. */
function order(rows: IItem[][]): IItem[][] {
  let best = rows;
  let fewest = crossings(rows);
  let now = rows.map(row => [...row]);
  for (let sweep = 0; sweep < SWEEPS && fewest; sweep++) {
    const down = sweep % 2 === 0;
    const order = now.map((_, i) => (down ? i : now.length - 1 - i));
    for (const layer of order) {
      const beside = now[down ? layer - 1 : layer + 1];
      if (beside) {
        const rank = new Map(beside.map((each, i) => [each, i]));
        const key = (each: IItem, i: number): number => mean((down ? each.above : each.below).map(n => rank.get(n)!), i);
        now[layer] = now[layer]
          .map((each, i) => ({ each, i, key: key(each, i) }))
          .sort((a, b) => a.key - b.key || a.i - b.i)
          .map(({ each }) => each);
      }
    }
    const count = crossings(now);
    if (count < fewest) {
      fewest = count;
      best = now.map(row => [...row]);
    }
    now = now.map(row => [...row]);
  }
  return best;
}

function crossings(rows: IItem[][]): number {
  let count = 0;
  rows.forEach((row, layer) => {
    const rank = new Map((rows[layer + 1] ?? []).map((each, i) => [each, i]));
    const ends = row.map(each => each.below.map(below => rank.get(below)!));
    ends.forEach((mine, i) =>
      ends.slice(i + 1).forEach(theirs => mine.forEach(a => theirs.forEach(b => (count += a > b ? 1 : 0))))
    );
  });
  return count;
}

/** Move each layer as near to its neighbours as its order and the boxes' widths allow, up and down by turns. */
function spread(rows: IItem[][]): void {
  for (const row of rows) {
    place(row, row.map(() => 0));
  }
  for (let sweep = 0; sweep < 3 * SWEEPS; sweep++) {
    const down = sweep % 2 === 0;
    for (const row of down ? rows : [...rows].reverse()) {
      const both = sweep >= 2 * SWEEPS;
      place(
        row,
        row.map(each => mean((both ? [...each.above, ...each.below] : down ? each.above : each.below).map(n => n.x), each.x))
      );
    }
  }
}

/**
 * Put a layer at the wanted places, or as near as its order and distances allow in the sense of least squares: an isotonic
 * regression by pooling adjacent violators (Ayer et al., Ann. Math. Statist. 26, 1955). A line weighs more than a box,
 * so that long lines are straight.
 */
function place(row: IItem[], wanted: number[]): void {
  const offsets: number[] = [];
  row.forEach((each, i) => offsets.push(i ? offsets[i - 1] + row[i - 1].width / 2 + BETWEEN + each.width / 2 : 0));
  const pools: { sum: number; weight: number; count: number }[] = [];
  row.forEach((each, i) => {
    const weight = each.name === null ? 4 : 1;
    let pool = { sum: (wanted[i] - offsets[i]) * weight, weight, count: 1 };
    for (let last = pools[pools.length - 1]; last && last.sum / last.weight > pool.sum / pool.weight; last = pools[pools.length - 1]) {
      pools.pop();
      pool = { sum: last.sum + pool.sum, weight: last.weight + pool.weight, count: last.count + pool.count };
    }
    pools.push(pool);
  });
  let i = 0;
  for (const pool of pools) {
    for (let n = 0; n < pool.count; n++, i++) {
      row[i].x = pool.sum / pool.weight + offsets[i];
    }
  }
}

function mean(values: number[], otherwise: number): number {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : otherwise;
}

/** Return a function that lays out anew only when the steps or edges are others than last time. */
export function remembered(): typeof layout {
  let key = '';
  let last: ILayout | null = null;
  return (steps, edges) => {
    const now = JSON.stringify([steps, edges.map(({ from, to }) => [from, to])]);
    if (last === null || now !== key) {
      key = now;
      last = layout(steps, edges);
    }
    return last;
  };
}

/** The edges without those that a longer way of edges implies (Aho, Garey and Ullman, SIAM J. Comput. 1(2), 1972). */
export function reduced<E extends { from: string; to: string }>(edges: readonly E[]): E[] {
  const next = new Map<string, Set<string>>();
  for (const { from, to } of edges) {
    next.set(from, (next.get(from) ?? new Set()).add(to));
  }
  const reach = new Map<string, Set<string>>();
  const reachable = (from: string): Set<string> => {
    let all = reach.get(from);
    if (!all) {
      reach.set(from, (all = new Set()));
      for (const to of next.get(from) ?? []) {
        all.add(to);
        reachable(to).forEach(further => all!.add(further));
      }
    }
    return all;
  };
  return edges.filter(({ from, to }) => ![...(next.get(from) ?? [])].some(other => other !== to && reachable(other).has(to)));
}
