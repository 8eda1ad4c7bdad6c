/** Runs and models in the main area. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget } from '@jupyterlab/apputils';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { IPipelines } from '../model/pipelines';
import { COMMAND, EXTENSION, PLUGIN } from '../tokens';
import { runsIcon } from '../view/icons';
import { RunBrowser, type Place } from './browser';

export const runs: JupyterFrontEndPlugin<void> = {
  id: PLUGIN.runs,
  description: 'Shows runs and models: searched, compared, reopened, promoted.',
  autoStart: true,
  requires: [IPipelines],
  optional: [ITranslator, ICommandPalette, IRenderMimeRegistry],
  activate: (
    app: JupyterFrontEnd,
    pipelines: IPipelines,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    rendermime: IRenderMimeRegistry | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(EXTENSION);
    let shown: MainAreaWidget<RunBrowser> | null = null;
    const show = (place: Place, path: string): void => {
      if (!shown || shown.isDisposed) {
        shown = new MainAreaWidget({
          content: new RunBrowser(pipelines.api, trans, app.commands, rendermime, path)
        });
        shown.id = `${shown.content.id}-area`;
        shown.toolbar.hide();
      }
      if (!shown.isAttached) {
        app.shell.add(shown, 'main', { type: 'Runs' });
      }
      shown.content.path = path;
      app.shell.activateById(shown.id);
      shown.content.go(place);
    };
    /** The notebook at hand, whose project is shown. */
    const here = (args: Record<string, unknown>): string =>
      typeof args.path === 'string' ? args.path : (pipelines.current?.source.path ?? shown?.content.path ?? '');

    app.commands.addCommand(COMMAND.showRuns, {
      label: args => (args.launcher ? trans.__('Runs and Models') : trans.__('Show Runs')),
      caption: trans.__('Runs of this project: search, look into, compare'),
      icon: runsIcon,
      execute: args =>
        show(typeof args.run === 'string' ? { at: 'run', run: args.run } : { at: 'runs' }, here(args))
    });
    app.commands.addCommand(COMMAND.showModels, {
      label: trans.__('Show Models'),
      caption: trans.__('Models of this project: versions, evidence, aliases'),
      icon: runsIcon,
      execute: args => show({ at: 'models' }, here(args))
    });
    for (const command of [COMMAND.showRuns, COMMAND.showModels]) {
      palette?.addItem({ command, category: trans.__('Pipeline') });
    }
  }
};
