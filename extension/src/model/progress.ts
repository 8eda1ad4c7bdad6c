/** How far a run is, step by step: what the server told of it, carried on by the events that came since. */

import type { RunDetail, RunEvent } from '../contract';

export interface IStepProgress {
  status: string;
  /** Cells done, and in all; both 0 where nothing tells. */
  done: number;
  of: number;
  seconds: number | null;
  /** When it started, in milliseconds since the epoch. */
  since: number | null;
  expected: number | null;
  reason: string;
}

export interface IProgress {
  run: string;
  status: string;
  /** The number of the last event in here. */
  seq: number;
  since: number | null;
  steps: ReadonlyMap<string, IStepProgress>;
  notice: string;
}

const OVER = new Set(['succeeded', 'failed', 'cancelled', 'paused', 'died', 'refused']);

export function isOver(status: string): boolean {
  return OVER.has(status);
}

/** Begin with what the server tells of a run. */
export function fromDetail(detail: RunDetail): IProgress {
  return {
    run: detail.run.id,
    status: detail.run.status,
    seq: detail.events,
    since: time(detail.run.started),
    notice: detail.run.reason,
    steps: new Map(
      detail.steps.map(step => [
        step.name,
        {
          status: step.status,
          done: step.cells.done,
          of: step.cells.of,
          seconds: step.seconds,
          since: time(step.started),
          expected: null,
          reason: step.error ? `${step.error.ename}: ${step.error.evalue}` : step.reason
        }
      ])
    )
  };
}

/**
 * Carry a progress on by an event; null when events between are missing, so that they must be fetched.
 *
 * An event that is already in it changes nothing.
 */
export function after(progress: IProgress, event: RunEvent): IProgress | null {
  if (event.run !== progress.run || event.seq <= progress.seq) {
    return progress;
  }
  if (event.seq > progress.seq + 1) {
    return null;
  }
  const next: IProgress = { ...progress, seq: event.seq };
  switch (event.kind) {
    case 'run-started':
      return { ...next, status: 'running', since: time(event.at) };
    case 'run-done':
      return { ...next, status: event.status ?? 'succeeded', notice: event.text ?? '' };
    case 'run-refused':
      return { ...next, status: 'refused', notice: event.text ?? '' };
    case 'notice':
      return { ...next, notice: event.text ?? next.notice };
    default:
      return event.step ? { ...next, steps: new Map(next.steps).set(event.step, stepAfter(next.steps.get(event.step), event)) } : next;
  }
}

function stepAfter(before: IStepProgress | undefined, event: RunEvent): IStepProgress {
  const step = before ?? { status: 'pending', done: 0, of: 0, seconds: null, since: null, expected: null, reason: '' };
  const of = event.cells ?? step.of;
  switch (event.kind) {
    case 'step-started':
      return {
        status: 'running',
        done: 0,
        of,
        seconds: null,
        since: time(event.at),
        expected: event.expected_s ?? null,
        reason: ''
      };
    case 'cell-started':
      return { ...step, status: 'running', of, done: Math.max(step.done, (event.cell ?? 1) - 1) };
    case 'cell-done':
      return { ...step, of, done: Math.max(step.done, event.cell ?? step.done + 1) };
    case 'step-done':
      return {
        ...step,
        status: event.status ?? 'succeeded',
        seconds: event.seconds ?? step.seconds,
        done: event.status === 'failed' ? step.done : of,
        of,
        reason: event.text ?? ''
      };
    default:
      return step;
  }
}

function time(at: string | null): number | null {
  const value = at ? Date.parse(at) : NaN;
  return Number.isNaN(value) ? null : value;
}
