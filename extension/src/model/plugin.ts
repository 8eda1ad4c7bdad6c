/** The pipelines of the open notebooks, for the plugins that show them. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';

import { Api } from '../api';
import { PLUGIN } from '../tokens';
import { IPipelines, Pipelines } from './pipelines';

export const model: JupyterFrontEndPlugin<IPipelines> = {
  id: PLUGIN.model,
  description: 'Knows the pipeline of every open notebook.',
  autoStart: true,
  requires: [INotebookTracker],
  provides: IPipelines,
  activate: (app: JupyterFrontEnd, tracker: INotebookTracker): IPipelines => {
    const { serverSettings, events } = app.serviceManager;
    return new Pipelines(new Api(serverSettings), tracker, events?.stream ?? null);
  }
};
