/** What a step's chip and box show: its place in the run that is under way, or what a run would do with it. */

import type { PlanStep } from '../contract';
import type { IStepProgress } from './progress';

export type StepState =
  | 'fresh'
  | 'cached'
  | 'will-run'
  | 'may-run'
  | 'left-out'
  | 'unknown'
  | 'pending'
  | 'running'
  | 'done'
  | 'failed'
  | 'skipped'
  | 'cancelled'
  | 'paused';

/** What a step's chip and box show. */
export interface IStepView {
  name: string;
  state: StepState;
  /** In a sentence: why it would run, or how it ended. */
  because: string;
  /** Taken, or expected where `expected` is true. */
  seconds: number | null;
  expected: boolean;
  done: number;
  of: number;
  since: number | null;
  /** The notebook has been changed since this was asked for. */
  old: boolean;
}

const STATES: Readonly<Record<string, StepState>> = {
  running: 'running',
  succeeded: 'done',
  cached: 'cached',
  failed: 'failed',
  died: 'failed',
  skipped: 'skipped',
  cancelled: 'cancelled'
};

/** A step as its plan has it; `old` when the notebook has changed since. */
export function planned(name: string, plan: PlanStep | undefined, old: boolean): IStepView {
  const state: StepState = plan?.state ?? 'unknown';
  const taken = state === 'fresh' || state === 'cached';
  return {
    name,
    state,
    because: plan?.text ?? '',
    seconds: (taken ? worthTelling(plan?.last_run?.seconds) : null) ?? worthTelling(plan?.expected_s),
    expected: !taken,
    done: 0,
    of: 0,
    since: null,
    old
  };
}

/** No time at all, such as that of a step taken from the cache, tells nobody anything. */
function worthTelling(seconds: number | null | undefined): number | null {
  return seconds && seconds >= 0.05 ? seconds : null;
}

/** A step about which a person is to decide. Edited since, it is another one than the run waits at. */
export function waiting(view: IStepView): IStepView {
  return view.state === 'fresh' || view.state === 'cached' ? { ...view, state: 'paused', because: '' } : view;
}

/** A step of the run that is followed. */
export function underWay(name: string, told: IStepProgress, plan: PlanStep | undefined): IStepView {
  const state = STATES[told.status] ?? 'pending';
  const expected = told.expected ?? plan?.expected_s ?? null;
  return {
    name,
    state,
    because: told.reason,
    seconds: told.seconds ?? (state === 'running' || state === 'pending' ? expected : null),
    expected: told.seconds === null,
    done: told.done,
    of: told.of,
    since: told.since,
    old: false
  };
}
