/** Edit the settings of the step at hand in a dialog that cannot be accepted while something does not fit. */

import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Pipeline } from '../model/pipeline';
import { settingsEdits, stepSettings } from '../tags/settings';
import { Body, attempt } from '../view/dialogs';
import { SettingsForm } from './settingsForm';

export async function editSettings(pipeline: Pipeline, index: number, trans: TranslationBundle): Promise<void> {
  const found = stepSettings(pipeline.source.cells(), index);
  const schema = await attempt(() => pipeline.api.settingsSchema());
  if (!found || !schema) {
    return;
  }
  let body: Body<Record<string, unknown>> | null = null;
  const form = new SettingsForm(schema, found.settings, trans, valid => body?.allow(valid));
  body = new Body(form.node, () => form.value);
  requestAnimationFrame(() => form.check());
  const answer = await showDialog({
    title: trans.__('Settings of step %1', found.tag),
    body,
    buttons: [Dialog.cancelButton({ label: trans.__('Cancel') }), Dialog.okButton({ label: trans.__('Apply') })],
    focusNodeSelector: '.mn-settings input'
  });
  if (answer.button.accept && answer.value && form.check()) {
    const now = pipeline.source.cells();
    pipeline.source.edit([], settingsEdits(now, found.indexes, answer.value));
  }
}
