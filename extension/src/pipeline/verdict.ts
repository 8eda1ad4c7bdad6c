/** What a verification says: that the pipeline computes what the notebook computes, or the first place where it does not. */

import type { TranslationBundle } from '@jupyterlab/translation';

import { seconds } from '../model/format';
import type { Verification } from '../model/verification';
import { attempt } from '../view/dialogs';
import { button, h } from '../view/elements';

const SHOWN = 10;

/** The parts of `mlops-nb verify --json` that are shown. */
interface IResult {
  verdict?: string;
  reason?: string;
  differences?: { message: string; close?: boolean }[];
  unstable?: { message: string }[];
  not_compared?: Record<string, string>;
  compared?: Record<string, number>;
  seconds?: Record<string, number>;
}

export function verificationResult(verification: Verification, trans: TranslationBundle): HTMLElement {
  const { job } = verification;
  if (!job || job.status === 'running') {
    const phases: Record<string, string> = {
      whole: trans.__('running the whole notebook'),
      again: trans.__('running it again, to see what differs from itself'),
      chain: trans.__('running it as a pipeline, one step after the other'),
      parallel: trans.__('running it as a pipeline, in parallel'),
      locate: trans.__('looking for the first cell that differs')
    };
    return h(
      'div',
      { role: 'status' },
      h('p', {}, `${phases[job?.phase ?? ''] ?? trans.__('starting')} …`),
      button(trans.__('Stop'), () => attempt(() => verification.stop()), { class: 'mn-small', 'data-key': 'stop-verify' })
    );
  }
  if (!job.result) {
    const why = job.error ? `${job.error.message} ${job.error.hint}` : trans.__('It ended early.');
    return h('p', { class: 'mn-error' }, why);
  }
  const result = job.result as IResult;
  const compared = Object.entries(result.compared ?? {}).map(([what, count]) => `${count} ${what}`);
  const times = Object.entries(result.seconds ?? {}).map(([what, taken]) => `${what} ${seconds(taken)}`);
  const good = !result.differences?.some(difference => !difference.close) && /equal|identical/.test(result.verdict ?? '');
  return h(
    'div',
    { role: 'status', class: good ? 'mn-good' : 'mn-bad' },
    h('p', { class: 'mn-verdict' }, [result.verdict, result.reason].filter(Boolean).join(': ')),
    h('ul', {}, ...(result.differences ?? []).slice(0, SHOWN).map(({ message }) => h('li', {}, message))),
    compared.length ? h('p', { class: 'mn-faint' }, trans.__('Compared: %1', compared.join(', '))) : null,
    result.unstable?.length
      ? h('p', { class: 'mn-faint' }, trans.__('%1 differ from themselves and are not held against the pipeline.', result.unstable.length))
      : null,
    times.length ? h('p', { class: 'mn-faint' }, times.join(', ')) : null
  );
}
