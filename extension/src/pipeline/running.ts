/** The run that is followed: how far it is, how it ended, and what failed, to jump to. */

import type { TranslationBundle } from '@jupyterlab/translation';

import { waitsAt } from '../model/decision';
import { seconds } from '../model/format';
import type { Pipeline } from '../model/pipeline';
import { isOver } from '../model/progress';
import { button, h } from '../view/elements';
import { stateWord, statusWord } from '../view/words';

export interface IRunActions {
  open: (run: string) => void;
  jump: (step: string) => void;
  /** Open the notebook of a step that waits for a decision. */
  look: (step: string) => void;
  decide: (step: string, decision: 'continue' | 'stop') => void;
}

/** Return what is to be shown of the followed run; null when there is none. */
export function runUnderWay(pipeline: Pipeline, trans: TranslationBundle, actions: IRunActions): HTMLElement | null {
  const { progress, detail } = pipeline.follower;
  if (!progress) {
    return null;
  }
  const all = [...progress.steps];
  const over = isOver(progress.status);
  const done = all.filter(([, { status }]) => status !== 'pending' && status !== 'running').length;
  const failed = all.filter(([, { status }]) => status === 'failed' || status === 'died');
  const since = progress.since === null ? null : (Date.now() - progress.since) / 1000;
  const running = all.filter(([, { status }]) => status === 'running').map(([name]) => name);
  const text = over ? statusWord(trans, progress.status) : running.join(', ') || (progress.status === 'starting' ? trans.__('starting…') : trans.__('under way'));
  const waits = waitsAt(pipeline.follower);
  const total = Math.max(all.length, pipeline.stepNames.length);
  return h(
    'div',
    { class: `mn-run mn-status-${progress.status}` },
    h(
      'div',
      { class: 'mn-run-line' },
      h('span', { class: 'mn-status', title: text }, text),
      h('span', { class: 'mn-faint' }, [`${done}/${total}`, seconds(over ? detail?.run.seconds : since)].filter(Boolean).join(' · ')),
      button(trans.__('details'), () => actions.open(progress.run), {
        class: 'mn-link',
        'data-key': 'run',
        'data-run': progress.run,
        title: trans.__('Run %1', progress.run)
      })
    ),
    h(
      'div',
      {
        class: `mn-meter${failed.length ? ' mn-meter-failed' : ''}`,
        role: 'progressbar',
        'aria-valuemin': 0,
        'aria-valuemax': total,
        'aria-valuenow': done,
        'aria-label': trans.__('Steps done')
      },
      h('div', { style: `width: ${total ? (100 * done) / total : 0}%` })
    ),
    waits === null ? null : waitingFor(waits, trans, actions),
    progress.notice && waits === null ? h('p', { class: 'mn-faint mn-notice' }, progress.notice) : null,
    ...failed.map(([name, step]) =>
      h(
        'button',
        { type: 'button', class: 'mn-jump mn-failure', click: () => actions.jump(name), 'data-key': `failed-${name}` },
        h('strong', {}, `${name} ${stateWord(trans, 'failed')}`),
        h('span', {}, step.reason)
      )
    )
  );
}

/** The question at which the run waits, and the three things that a person can do about it. */
function waitingFor(step: string, trans: TranslationBundle, actions: IRunActions): HTMLElement {
  return h(
    'div',
    { class: 'mn-waiting', role: 'group', 'aria-label': trans.__('Your decision') },
    h('p', {}, trans.__('It waits for your decision at '), h('code', {}, step), '.'),
    h(
      'div',
      { class: 'mn-actions' },
      button(trans.__('Open'), () => actions.look(step), {
        class: 'mn-small',
        'data-key': 'look',
        title: trans.__('Open this step as a live notebook, with its inputs, its outputs and what it made')
      }),
      button(trans.__('Continue…'), () => actions.decide(step, 'continue'), { class: 'mn-small', 'data-key': 'continue' }),
      button(trans.__('Stop…'), () => actions.decide(step, 'stop'), { class: 'mn-small mn-warn', 'data-key': 'stop-at' })
    )
  );
}
