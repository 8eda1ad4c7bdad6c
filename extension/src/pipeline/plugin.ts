/** The panel of the pipeline at hand, and the commands that run, resume, stop, compile and verify it. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import type { Pipeline } from '../model/pipeline';
import { IPipelines } from '../model/pipelines';
import { Verification } from '../model/verification';
import { COMMAND, EXTENSION, PLUGIN, WIDGET } from '../tokens';
import { attempt } from '../view/dialogs';
import { PipelinePanel } from './panel';
import { compareKernel, compile, suggest } from './verbs';
import { onWaking } from './waking';

export const pipeline: JupyterFrontEndPlugin<void> = {
  id: PLUGIN.pipeline,
  description: 'Shows the pipeline of a notebook beside it, and runs it.',
  autoStart: true,
  requires: [IPipelines],
  optional: [ITranslator, ICommandPalette, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    pipelines: IPipelines,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(EXTENSION);
    const stream = app.serviceManager.events?.stream ?? null;
    const panel = new PipelinePanel(pipelines, app.commands, trans, (run, path) => {
      void app.commands.execute(COMMAND.showRuns, { run, path });
    });
    app.shell.add(panel, 'right', { rank: 450, type: 'Pipeline' });
    restorer?.add(panel, WIDGET.pipeline);

    const show = (): void => app.shell.activateById(panel.id);
    const at = (): Pipeline | null => pipelines.current;
    /** Whether a run may begin; what the notebook as it is now refuses, a run would refuse too. */
    const idle = (): boolean => at() !== null && !at()!.follower.active && at()!.plan?.ok === true;
    /** The step of the active cell, as the plan names it. */
    const stepHere = (): string | null => {
      const notebook = pipelines.currentPanel?.content;
      return notebook ? (at()?.places[notebook.activeCellIndex]?.step ?? null) : null;
    };
    const verbs: [string, string, string, (found: Pipeline) => unknown, () => boolean][] = [
      [COMMAND.run, trans.__('Run Pipeline'), trans.__('Save the notebook, and run what has to run'), found => attempt(() => found.run()), idle],
      [
        COMMAND.runTo,
        trans.__('Run Pipeline to Here'),
        trans.__('Save the notebook, and run what has to run, as far as the step of the active cell'),
        found => attempt(() => found.run({ to: stepHere() ?? undefined })),
        () => idle() && stepHere() !== null
      ],
      [
        COMMAND.resume,
        trans.__('Resume Run'),
        trans.__('Go on with the run that ended early: what was done is verified and not done again'),
        found => attempt(() => found.resume()),
        () => at()?.resumable === true
      ],
      [
        COMMAND.stop,
        trans.__('Stop Run'),
        trans.__('Interrupt the run; it is recorded as stopped and can go on later'),
        found => attempt(() => found.stop()),
        () => at()?.follower.active === true
      ],
      [
        COMMAND.compile,
        trans.__('Compile to a Ploomber Project'),
        trans.__('Save the notebook, and write its pipeline as a plain Ploomber project'),
        found => compile(found, trans),
        () => at()?.plan?.ok === true
      ],
      [
        COMMAND.verify,
        trans.__('Verify Pipeline'),
        trans.__('Save the notebook, run it whole and as a pipeline, in copies, and compare'),
        found =>
          attempt(async () => {
            await found.source.save();
            const path = found.source.path;
            const { job } = await found.api.verify({ path });
            show();
            panel.follow(new Verification(found.api, path, job, stream));
          }),
        () => at()?.plan?.ok === true
      ],
      [
        COMMAND.suggest,
        trans.__('Suggest Tags…'),
        trans.__('Propose tags from the headings and the dataflow; shows them before it tags'),
        found => suggest(found, trans),
        () => at() !== null
      ],
      [
        COMMAND.compareKernel,
        trans.__('Compare with Kernel…'),
        trans.__('Hold what the running kernel holds against what the pipeline computed; shows the code first'),
        found => pipelines.currentPanel && compareKernel(pipelines.currentPanel, found, trans),
        () => at() !== null && at()!.plan?.ok === true
      ],
      [COMMAND.refresh, trans.__('Read Pipeline Again'), '', found => found.refresh(), () => at() !== null]
    ];
    for (const [id, label, caption, act, can] of verbs) {
      app.commands.addCommand(id, {
        label,
        caption,
        isEnabled: can,
        execute: async () => {
          const found = at();
          if (found) {
            if (id === COMMAND.run || id === COMMAND.runTo || id === COMMAND.resume) {
              show();
            }
            await act(found);
          }
        }
      });
      palette?.addItem({ command: id, category: trans.__('Pipeline') });
    }
    app.commands.addCommand(COMMAND.showPipeline, {
      label: trans.__('Show Pipeline'),
      caption: trans.__('Show the pipeline of this notebook at the right'),
      execute: show
    });
    palette?.addItem({ command: COMMAND.showPipeline, category: trans.__('Pipeline') });

    // A hidden tab and a sleeping machine miss events; when they are back, what was missed is fetched.
    onWaking(() => at()?.wake());
  }
};
