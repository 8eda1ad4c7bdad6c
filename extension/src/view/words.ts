/** What states are called. One place, so that a chip, a box and a line of the list say the same. */

import type { TranslationBundle } from '@jupyterlab/translation';

import { seconds } from '../model/format';
import type { IStepView, StepState } from '../model/stepView';

export function stateWord(trans: TranslationBundle, state: StepState): string {
  switch (state) {
    case 'fresh':
      return trans.__('fresh');
    case 'cached':
      return trans.__('cached');
    case 'will-run':
      return trans.__('will run');
    case 'may-run':
      return trans.__('may run');
    case 'left-out':
      return trans.__('left out');
    case 'pending':
      return trans.__('waiting');
    case 'running':
      return trans.__('running');
    case 'done':
      return trans.__('done');
    case 'failed':
      return trans.__('failed');
    case 'skipped':
      return trans.__('skipped');
    case 'cancelled':
      return trans.__('cancelled');
    case 'paused':
      return trans.__('paused');
    default:
      return '';
  }
}

/** The second line of a chip: `will run · ~6.3 s`; while it runs, cells done and seconds taken: `2/5 · 3.1 s`. */
export function stateLine(trans: TranslationBundle, view: IStepView, now: number): string {
  if (view.state === 'running') {
    const cells = view.of ? `${view.done}/${view.of}` : stateWord(trans, view.state);
    const taken = view.since === null ? '' : seconds(Math.max(0, (now - view.since) / 1000));
    return [cells, taken].filter(Boolean).join(' · ');
  }
  const time = seconds(view.seconds);
  return [stateWord(trans, view.state), time && (view.expected ? `~${time}` : time)].filter(Boolean).join(' · ');
}

/** The whole truth in a sentence or two, for a tooltip and for whoever listens. */
export function stateSentence(trans: TranslationBundle, view: IStepView): string {
  const parts = [trans.__('Step %1: %2', view.name, stateWord(trans, view.state) || trans.__('not planned yet'))];
  if (view.because) {
    parts.push(view.state === 'will-run' || view.state === 'may-run' ? trans.__('because %1', view.because) : view.because);
  }
  if (view.state === 'running' && view.of) {
    parts.push(trans.__('%1 of %2 cells done', view.done, view.of));
  }
  if (view.state === 'paused') {
    parts.push(trans.__('the run waits for your decision about it'));
  }
  const time = seconds(view.seconds);
  if (time) {
    parts.push(view.expected ? trans.__('about %1 expected', time) : trans.__('took %1', time));
  }
  if (view.old) {
    parts.push(trans.__('the notebook has changed since, and is being read again'));
  }
  return `${parts.join('; ')}.`;
}

/** What a run's status is called. */
export function statusWord(trans: TranslationBundle, status: string): string {
  const words: Record<string, string> = {
    starting: trans.__('starting'),
    running: trans.__('running'),
    succeeded: trans.__('succeeded'),
    failed: trans.__('failed'),
    cancelled: trans.__('stopped'),
    paused: trans.__('paused'),
    died: trans.__('died'),
    refused: trans.__('refused')
  };
  return words[status] ?? status;
}
