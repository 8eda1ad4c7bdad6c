/** What the panel's buttons and the palette do with the pipeline at hand. Each shows what it will do, or what it did. */

import { Notification } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { KernelMessage } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { ProbeRequest, Suggestion } from '../contract';
import { decide } from '../model/decision';
import type { Pipeline } from '../model/pipeline';
import { applySuggestion } from '../tags/edits';
import { PROBE_TYPE } from '../tokens';
import { askText, attempt, confirm, tell } from '../view/dialogs';
import { h } from '../view/elements';

export async function suggest(pipeline: Pipeline, trans: TranslationBundle): Promise<void> {
  const found = await attempt(() =>
    pipeline.api.suggest({ path: pipeline.source.path, content: pipeline.source.content() })
  );
  if (!found) {
    return;
  }
  if (!found.changes.length) {
    Notification.info(trans.__('There is nothing to propose: every cell has its place.'), { autoClose: 5000 });
    return;
  }
  const yes = await confirm(trans, {
    title: trans.__('Suggested tags'),
    content: proposal(found, trans),
    accept: trans._n('Tag %1 cell', 'Tag %1 cells', found.changes.length)
  });
  if (yes) {
    pipeline.source.edit(applySuggestion(pipeline.source.cells(), found.changes));
  }
}

function proposal(found: Suggestion, trans: TranslationBundle): HTMLElement {
  const added = (change: Suggestion['changes'][number]): string =>
    change.after.filter(tag => !change.before.includes(tag)).join(', ');
  return h(
    'div',
    { class: 'mn-proposal' },
    h('p', {}, trans.__('Nothing is changed until you accept, and one Undo takes it back.')),
    h(
      'table',
      { class: 'mn-table' },
      h(
        'thead',
        {},
        h('tr', {}, ...[trans.__('cell'), trans.__('begins with'), trans.__('tag'), trans.__('because')].map(head => h('th', {}, head)))
      ),
      h(
        'tbody',
        {},
        ...found.changes.map(change =>
          h(
            'tr',
            {},
            h('td', { class: 'mn-number' }, String(change.number)),
            h('td', {}, h('code', {}, change.first_line)),
            h('td', {}, h('strong', {}, added(change))),
            h('td', { class: 'mn-faint' }, change.why)
          )
        )
      )
    )
  );
}

/** Ask why, say what will happen, and decide about the step that the run waits at. */
export async function askDecision(
  pipeline: Pipeline,
  step: string,
  decision: 'continue' | 'stop',
  trans: TranslationBundle
): Promise<void> {
  const goesOn = decision === 'continue';
  const why = await askText(trans, {
    title: goesOn ? trans.__('Continue after %1', step) : trans.__('Stop at %1', step),
    label: trans.__('Why'),
    note: goesOn
      ? trans.__('The steps below run, from what this step made. Your name, the time and the reason are recorded.')
      : trans.__('The run is over, and runs of the same content stop here too, until somebody decides otherwise. Your name, the time and the reason are recorded.'),
    accept: goesOn ? trans.__('Continue') : trans.__('Stop'),
    warn: !goesOn,
    problem: text => (text ? null : trans.__('A decision needs a reason.'))
  });
  if (why !== null) {
    await attempt(() => decide(pipeline, { decision, step, why }));
  }
}

export async function compile(pipeline: Pipeline, trans: TranslationBundle): Promise<void> {
  await attempt(async () => {
    await pipeline.source.save();
    const done = await pipeline.api.compile({ path: pipeline.source.path });
    Notification.success(
      trans.__('%1: %2 written, %3 unchanged, %4 removed.', done.folder, done.written.length, done.unchanged.length, done.removed.length),
      { autoClose: 8000 }
    );
  });
}

/**
 * Ask the live kernel what it holds: only after the person has seen the code that does it, and said yes.
 */
export async function compareKernel(panel: NotebookPanel, pipeline: Pipeline, trans: TranslationBundle): Promise<void> {
  const kernel = panel.sessionContext.session?.kernel;
  if (!kernel) {
    tell(trans.__('This notebook has no running kernel.'));
    return;
  }
  const probe = await attempt(() => pipeline.api.probeCode(pipeline.source.path));
  if (!probe) {
    return;
  }
  const yes = await confirm(trans, {
    title: trans.__('Compare with kernel'),
    content: h(
      'div',
      {},
      h('p', {}, trans.__('This code will run in your kernel. It reads variables and changes none:')),
      h('pre', { class: 'mn-source', tabindex: 0 }, probe.code)
    ),
    accept: trans.__('Run It in My Kernel')
  });
  if (!yes) {
    return;
  }
  await attempt(async () => {
    let told: ProbeRequest['probe'] | null = null;
    let failed = '';
    const future = kernel.requestExecute({ code: probe.code, store_history: false, allow_stdin: false });
    future.onIOPub = (message: KernelMessage.IIOPubMessage): void => {
      const content = message.content as { data?: Record<string, unknown>; ename?: string; evalue?: string };
      const data = content.data?.[PROBE_TYPE];
      if (data) {
        told = (typeof data === 'string' ? JSON.parse(data) : data) as ProbeRequest['probe'];
      } else if (message.header.msg_type === 'error') {
        failed = `${content.ename}: ${content.evalue}`;
      }
    };
    await future.done;
    if (!told) {
      throw new Error(failed || trans.__('The kernel did not tell what it holds.'));
    }
    const state = await pipeline.compareKernel(told);
    const other = state.variables.filter(variable => variable.state !== 'same');
    Notification.info(
      other.length
        ? trans.__('The kernel holds something else than the pipeline computed for: %1.', other.map(({ name }) => name).join(', '))
        : trans.__('The kernel holds what the pipeline computed.'),
      { autoClose: 8000 }
    );
  });
}
