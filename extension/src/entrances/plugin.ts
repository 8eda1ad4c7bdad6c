/** Other ways in: the status bar, the launcher, and pipeline folders in the file browser. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';

import type { Pipeline } from '../model/pipeline';
import { IPipelines } from '../model/pipelines';
import { isOver } from '../model/progress';
import { COMMAND, EXTENSION, PLUGIN } from '../tokens';
import { h } from '../view/elements';
import { pipelineIcon } from '../view/icons';

/** `pipelines/NAME`, wherever the project lies: the folder that belongs to the notebook NAME. */
const PIPELINE_FOLDER = /^(.*?)(?:^|\/)pipelines\/([^/]+)$/;

export const entrances: JupyterFrontEndPlugin<void> = {
  id: PLUGIN.entrances,
  description: 'Shows how the pipeline stands in the status bar; opens runs and pipelines from launcher and file browser.',
  autoStart: true,
  requires: [IPipelines],
  optional: [ITranslator, IStatusBar, ILauncher, IFileBrowserFactory],
  activate: (
    app: JupyterFrontEnd,
    pipelines: IPipelines,
    translator: ITranslator | null,
    statusBar: IStatusBar | null,
    launcher: ILauncher | null,
    browsers: IFileBrowserFactory | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(EXTENSION);
    if (statusBar) {
      const item = new StatusItem(pipelines, found => statusText(found, trans), () => {
        void app.commands.execute(COMMAND.showPipeline);
      });
      statusBar.registerStatusItem('mlops-nb:status', {
        item,
        align: 'left',
        rank: 90,
        isActive: () => pipelines.current !== null && pipelines.current.stepNames.length > 0,
        activeStateChanged: item.changed as never
      });
    }
    launcher?.add({ command: COMMAND.showRuns, category: trans.__('Other'), rank: 30, args: { launcher: true } });

    const chosen = (): RegExpExecArray | null => {
      const item = browsers?.tracker.currentWidget?.selectedItems().next().value as { path: string; type: string } | undefined;
      return item?.type === 'directory' ? PIPELINE_FOLDER.exec(item.path) : null;
    };
    app.commands.addCommand(COMMAND.openPipelineFolder, {
      label: trans.__('Open Its Notebook and Pipeline'),
      icon: pipelineIcon,
      isVisible: () => chosen() !== null,
      isEnabled: () => chosen() !== null,
      execute: async () => {
        const found = chosen();
        if (!found) {
          return;
        }
        const [, root, name] = found;
        const { runs } = await pipelines.api.runs({ path: root, pipeline: name, limit: 1 });
        const path = runs[0]?.notebook ?? [root, `${name}.ipynb`].filter(Boolean).join('/');
        await app.commands.execute('docmanager:open', { path });
        await app.commands.execute(COMMAND.showPipeline);
      }
    });
    if (browsers) {
      app.contextMenu.addItem({
        command: COMMAND.openPipelineFolder,
        selector: '.jp-DirListing-item[data-isdir="true"]',
        rank: 1.5
      });
    }
  }
};

function statusText(found: Pipeline, trans: ReturnType<ITranslator['load']>): string {
  const progress = found.follower.progress;
  if (progress && !isOver(progress.status)) {
    const all = [...progress.steps.values()];
    const done = all.filter(step => step.status !== 'pending' && step.status !== 'running').length;
    return trans.__('Pipeline: running %1/%2', done, Math.max(all.length, found.stepNames.length));
  }
  if (progress?.status === 'failed' && found.resumable) {
    return trans.__('Pipeline: failed');
  }
  if (!found.plan) {
    return trans.__('Pipeline');
  }
  if (!found.plan.ok) {
    const errors = found.plan.diagnostics.filter(each => each.severity === 'error').length;
    return trans._n('Pipeline: %1 error', 'Pipeline: %1 errors', errors);
  }
  const waiting = found.plan.steps.filter(step => step.state === 'will-run' || step.state === 'may-run').length;
  return waiting ? trans.__('Pipeline: %1 of %2 to run', waiting, found.plan.steps.length) : trans.__('Pipeline: up to date');
}

class StatusItem extends Widget {
  constructor(
    private readonly pipelines: IPipelines,
    private readonly text: (found: Pipeline) => string,
    open: () => void
  ) {
    super({ node: h('div', { class: 'mn-status-item' }) });
    this.label = h('button', { type: 'button', class: 'mn-status-button', click: open });
    this.node.append(this.label);
    pipelines.currentChanged.connect(this.onCurrent, this);
    this.onCurrent();
  }

  /** Emits when the item may have to be shown or hidden. */
  readonly changed = new Signal<this, void>(this);

  private onCurrent(): void {
    this.pipeline?.changed.disconnect(this.onChange, this);
    this.pipeline = this.pipelines.current;
    this.pipeline?.changed.connect(this.onChange, this);
    this.onChange();
  }

  private onChange(): void {
    const text = this.pipeline ? this.text(this.pipeline) : '';
    if (text !== this.label.textContent) {
      this.label.textContent = text;
      this.label.title = text;
    }
    this.changed.emit();
  }

  private readonly label: HTMLButtonElement;
  private pipeline: Pipeline | null = null;
}
