import { describe, expect, it } from 'vitest';

import type { PlanStep, RunEvent } from '../src/contract';
import { bytes, plain, seconds, signed } from '../src/model/format';
import { layout, reduced, remembered, type ILayout } from '../src/model/layout';
import { waitsAt } from '../src/model/decision';
import type { Follower } from '../src/model/follow';
import { after, isOver, type IProgress } from '../src/model/progress';
import { planned, waiting } from '../src/model/stepView';

const chain = (count: number) =>
  Array.from({ length: count - 1 }, (_, i) => ({ from: `s${i}`, to: `s${i + 1}` }));
const names = (count: number) => Array.from({ length: count }, (_, i) => `s${i}`);

function overlaps({ nodes }: ILayout): boolean {
  return nodes.some((a, i) =>
    nodes.slice(i + 1).some(b => Math.abs(a.x - b.x) < a.width && Math.abs(a.y - b.y) < a.height)
  );
}

describe('a layout', () => {
  it('of nothing has no size', () => {
    expect(layout([], [])).toEqual({ width: 0, height: 0, nodes: [], lines: [] });
  });

  it('of a chain is one straight column', () => {
    const made = layout(names(30), chain(30));
    expect(new Set(made.nodes.map(node => node.x)).size).toBe(1);
    expect(made.height).toBeGreaterThan(30 * 40);
  });

  it('holds every box and line, lets none overlap, and leads every line down', () => {
    const edges = names(40).flatMap((_, i) => [
      { from: `s${i}`, to: `s${(i * 7 + 3) % 40}` },
      { from: `s${i}`, to: `s${i + 5}` }
    ]);
    const made = layout(names(40), edges);
    expect(overlaps(made)).toBe(false);
    for (const { points } of made.lines) {
      points.slice(1).forEach((point, i) => expect(point.y).toBeGreaterThan(points[i].y));
      points.forEach(({ x, y }) => expect(x > 0 && x < made.width && y > 0 && y < made.height).toBe(true));
    }
    expect(layout(names(40), edges)).toEqual(made);
  });

  it('puts two branches beside each other, under the middle of what both need', () => {
    const made = layout(['a', 'b', 'c', 'd'], [
      { from: 'a', to: 'b' },
      { from: 'a', to: 'c' },
      { from: 'b', to: 'd' },
      { from: 'c', to: 'd' }
    ]);
    const [a, b, c, d] = made.nodes;
    expect(b.y).toBe(c.y);
    expect((b.x + c.x) / 2).toBeCloseTo(a.x);
    expect(a.x).toBeCloseTo(d.x);
  });

  it('leads a line round the boxes of the layers that it passes', () => {
    const made = layout(['a', 'b', 'c'], [...chain(0), { from: 'a', to: 'b' }, { from: 'b', to: 'c' }, { from: 'a', to: 'c' }]);
    const b = made.nodes[1];
    const long = made.lines.find(line => line.from === 'a' && line.to === 'c')!;
    const beside = long.points.filter(point => Math.abs(point.y - b.y) <= b.height / 2);
    expect(beside.length).toBeGreaterThan(0);
    beside.forEach(point => expect(Math.abs(point.x - b.x)).toBeGreaterThan(b.width / 2));
  });

  it('leaves out edges that lead nowhere or back', () => {
    expect(layout(['a', 'b'], [{ from: 'b', to: 'a' }, { from: 'a', to: 'z' }]).lines).toEqual([]);
  });

  it('is kept while steps and edges are the same', () => {
    const lay = remembered();
    const first = lay(names(3), chain(3));
    expect(lay(names(3), chain(3))).toBe(first);
    expect(lay(names(4), chain(4))).not.toBe(first);
  });

  it('is drawn without the edges that longer ways imply', () => {
    const all = [...chain(3), { from: 's0', to: 's2' }];
    expect(reduced(all)).toEqual(chain(3));
  });
});

describe('progress', () => {
  const start: IProgress = { run: 'r', status: 'starting', seq: 0, since: null, steps: new Map(), notice: '' };
  const event = (seq: number, kind: RunEvent['kind'], more: Partial<RunEvent> = {}): RunEvent => ({
    run: 'r',
    seq,
    kind,
    at: '2026-11-28T10:00:00Z',
    ...more
  });
  const follow = (...events: RunEvent[]) =>
    events.reduce<IProgress | null>((progress, each) => progress && after(progress, each), start);

  it('counts cells and ends with the run', () => {
    const done = follow(
      event(1, 'run-started'),
      event(2, 'step-started', { step: 'a', cells: 3, expected_s: 2 }),
      event(3, 'cell-started', { step: 'a', cell: 1, cells: 3 }),
      event(4, 'cell-done', { step: 'a', cell: 1, cells: 3 }),
      event(5, 'cell-started', { step: 'a', cell: 2, cells: 3 })
    );
    expect(done?.steps.get('a')).toMatchObject({ status: 'running', done: 1, of: 3, expected: 2 });
    const over = [event(6, 'step-done', { step: 'a', status: 'failed', seconds: 1 }), event(7, 'run-done', { status: 'failed' })];
    const ended = over.reduce<IProgress | null>((progress, each) => progress && after(progress, each), done);
    expect(ended).toMatchObject({ status: 'failed', seq: 7 });
    expect(ended?.steps.get('a')).toMatchObject({ status: 'failed', done: 1, seconds: 1 });
  });

  it('notices that something was missed', () => {
    expect(follow(event(1, 'run-started'), event(3, 'step-done', { step: 'a' }))).toBeNull();
  });

  it('is changed by an event once, and never by another run', () => {
    const once = follow(event(1, 'run-started'))!;
    expect(after(once, event(1, 'run-started'))).toBe(once);
    expect(after(once, { ...event(2, 'run-done'), run: 'other' })).toBe(once);
  });
});

describe('numbers', () => {
  it('are read easily', () => {
    expect([0.01, 1.26, 42.4, 240, 9000].map(seconds)).toEqual(['0 s', '1.3 s', '42 s', '4 min', '2.5 h']);
    expect([0, 999, 1500, 2_400_000].map(bytes)).toEqual(['0 B', '999 B', '1.5 kB', '2.4 MB']);
    expect([0.123456789, 3, null, 'x', [1]].map(plain)).toEqual(['0.123457', '3', '–', 'x', '[1]']);
    expect([0.5, -0.5, 0].map(signed)).toEqual(['+0.5', '−0.5', '±0']);
  });
});

describe('a run that waits for a person', () => {
  const decided = { decision: 'continue', why: 'right', by: 'Ada', at: '' };
  const followed = (status: string, waits: { step: string; decided: unknown }[]): Follower =>
    ({ progress: { status }, detail: { waits } }) as unknown as Follower;

  it('waits at the first step that nobody has decided about', () => {
    const waits = [{ step: 'look', decided }, { step: 'check', decided: null }];
    expect(waitsAt(followed('paused', waits))).toBe('check');
    expect(waitsAt(followed('paused', [{ step: 'look', decided }]))).toBe(null);
    expect(waitsAt(followed('cancelled', waits))).toBe(null);
    expect(isOver('paused')).toBe(true);
  });

  it('waits at the step as it was, and at no other that the cell has become', () => {
    const step = (state: string): PlanStep => ({ state, text: '' }) as unknown as PlanStep;
    expect(waiting(planned('look', step('fresh'), false)).state).toBe('paused');
    expect(waiting(planned('look', step('will-run'), false)).state).toBe('will-run');
  });
});
