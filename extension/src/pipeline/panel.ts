/** The panel beside a notebook: its pipeline as a graph, what is wrong, the next run and the one under way. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

import { waitsAt } from '../model/decision';
import { seconds } from '../model/format';
import type { Pipeline } from '../model/pipeline';
import type { IPipelines } from '../model/pipelines';
import type { Verification } from '../model/verification';
import { COMMAND, WIDGET } from '../tokens';
import { attempt } from '../view/dialogs';
import { button, h, refill } from '../view/elements';
import { pipelineIcon } from '../view/icons';
import { Graph } from './graph';
import { jumpToCell, jumpToStep } from './jump';
import { parameterForm } from './parameters';
import { problemList } from './problems';
import { runUnderWay } from './running';
import { Section } from './section';
import { verificationResult } from './verdict';
import { askDecision } from './verbs';

export class PipelinePanel extends Widget {
  constructor(
    private readonly pipelines: IPipelines,
    private readonly commands: CommandRegistry,
    private readonly trans: TranslationBundle,
    private readonly openRun: (run: string, path: string) => void
  ) {
    super();
    this.id = WIDGET.pipeline;
    this.addClass('mn-panel');
    this.title.icon = pipelineIcon;
    this.title.caption = trans.__('Pipeline of this notebook');
    this.node.setAttribute('aria-label', this.title.caption);
    this.node.setAttribute('role', 'region');
    this.graph = new Graph(trans, step => {
      const panel = pipelines.currentPanel;
      if (panel && this.pipeline) {
        jumpToStep(panel, this.pipeline, step);
      }
    });
    this.steps.body.append(this.graph.node);
    this.node.append(
      this.head,
      this.running,
      ...[this.problems, this.steps, this.parameters, this.kernel, this.verifying].map(section => section.node)
    );
    pipelines.currentChanged.connect(this.onCurrent, this);
    this.onCurrent();
  }

  /** Show a verification from now on. */
  follow(verification: Verification): void {
    this.verification?.dispose();
    this.verification = verification;
    verification.changed.connect(() => this.update());
    this.verifying.node.open = true;
    this.update();
  }

  override dispose(): void {
    this.verification?.dispose();
    window.clearInterval(this.clock);
    super.dispose();
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.update();
  }

  protected override onUpdateRequest(): void {
    if (!this.isVisible) {
      return;
    }
    const pipeline = this.pipeline;
    this.toggleClass('mn-empty', !pipeline);
    if (!pipeline) {
      this.nothing();
      return;
    }
    this.drawHead(pipeline);
    // While something in it is pressed it stays, or the click would be lost.
    if (!this.running.matches(':active')) {
      refill(
        this.running,
        runUnderWay(pipeline, this.trans, {
          open: run => this.openRun(run, pipeline.source.path),
          jump: step => this.toFailure(pipeline, step),
          look: step => void this.look(pipeline, step),
          decide: (step, decision) => void askDecision(pipeline, step, decision, this.trans)
        })
      );
    }
    this.drawProblems(pipeline);
    this.steps.count = String(pipeline.stepNames.length || '');
    // Without a tag there is only what stands before the first step.
    this.steps.hidden = !pipeline.places.some(place => place.step !== null && place.role !== 'continues');
    this.graph.paint(pipeline);
    this.drawParameters(pipeline);
    this.drawKernel(pipeline);
    this.drawVerification();
    this.tick(pipeline.follower.active);
  }

  private onCurrent(): void {
    this.pipeline?.changed.disconnect(this.update, this);
    this.pipeline = this.pipelines.current;
    this.pipeline?.changed.connect(this.update, this);
    this.update();
  }

  private tick(active: boolean): void {
    if (active && !this.clock) {
      this.clock = window.setInterval(() => !document.hidden && this.update(), 1000);
    } else if (!active && this.clock) {
      window.clearInterval(this.clock);
      this.clock = 0;
    }
  }

  private nothing(): void {
    this.headKey = '';
    refill(this.head, h('p', { class: 'mn-faint' }, this.trans.__('Open a notebook to see its pipeline.')));
    refill(this.running);
    for (const section of [this.problems, this.steps, this.parameters, this.kernel, this.verifying]) {
      section.hidden = true;
    }
  }

  private verb(command: string, label: string, more: Record<string, string> = {}): HTMLButtonElement {
    return button(label, () => void this.commands.execute(command), {
      'data-key': command,
      'data-command': command,
      title: this.commands.caption(command) || this.commands.label(command),
      disabled: !this.commands.isEnabled(command),
      ...more
    });
  }

  private drawHead(pipeline: Pipeline): void {
    const { plan, follower } = pipeline;
    const summary = this.summary(pipeline);
    const key = JSON.stringify([
      pipeline.source.path,
      summary,
      follower.active,
      pipeline.resumable,
      waitsAt(pipeline.follower),
      plan?.ok,
      pipeline.stepNames.length
    ]);
    if (key === this.headKey) {
      return;
    }
    this.headKey = key;
    const { trans } = this;
    refill(
      this.head,
      h('h2', {}, plan?.pipeline ?? pipeline.source.path.replace(/^.*\//, '').replace(/\.ipynb$/, '')),
      h('p', { class: 'mn-summary', role: 'status' }, summary),
      h(
        'div',
        { class: 'mn-actions' },
        follower.active
          ? this.verb(COMMAND.stop, trans.__('Stop'), { class: 'mn-primary mn-warn' })
          : this.verb(COMMAND.run, trans.__('Run'), { class: 'mn-primary' }),
        pipeline.resumable ? this.verb(COMMAND.resume, trans.__('Resume')) : null,
        this.verb(COMMAND.runTo, trans.__('Run to here'))
      ),
      h(
        'div',
        { class: 'mn-actions mn-second' },
        this.verb(COMMAND.showRuns, trans.__('Runs')),
        this.verb(COMMAND.suggest, trans.__('Suggest tags')),
        this.verb(COMMAND.verify, trans.__('Verify')),
        this.verb(COMMAND.compile, trans.__('Compile')),
        this.verb(COMMAND.compareKernel, trans.__('Compare with kernel'))
      )
    );
  }

  private summary(pipeline: Pipeline): string {
    const { plan, refusal, follower } = pipeline;
    const { trans } = this;
    if (follower.active) {
      return trans.__('A run is under way.');
    }
    if (refusal) {
      return refusal.message;
    }
    const waits = waitsAt(follower);
    if (waits !== null) {
      return trans.__('The last run waits for your decision at %1.', waits);
    }
    if (!plan) {
      return trans.__('Reading the notebook…');
    }
    if (!plan.steps.length || !plan.ok) {
      return plan.error?.message ?? trans.__('It cannot run as it is; see below.');
    }
    const waiting = plan.steps.filter(step => step.state === 'will-run' || step.state === 'may-run');
    if (!waiting.length) {
      return trans.__('All %1 steps stand; nothing has to run.', plan.steps.length);
    }
    const time = waiting.every(step => step.expected_s !== null)
      ? trans.__(', about %1 one after the other', seconds(waiting.reduce((sum, step) => sum + (step.expected_s ?? 0), 0)))
      : '';
    return trans.__('%1 of %2 steps to run%3.', waiting.length, plan.steps.length, time);
  }

  private toFailure(pipeline: Pipeline, step: string): void {
    const panel = this.pipelines.currentPanel;
    const error = pipeline.follower.detail?.steps.find(each => each.name === step)?.error;
    const place = pipeline.places.find(each => each.id === error?.cell);
    if (panel && place) {
      void jumpToCell(panel, place.index);
    } else if (panel) {
      jumpToStep(panel, pipeline, step);
    }
  }

  private async look(pipeline: Pipeline, step: string): Promise<void> {
    const run = pipeline.follower.progress?.run;
    if (!run) {
      return;
    }
    await attempt(async () => {
      const opened = await pipeline.api.open({ run, step }, pipeline.source.path);
      await this.commands.execute('docmanager:open', { path: opened.path });
    });
  }

  private drawProblems(pipeline: Pipeline): void {
    const found = pipeline.plan?.diagnostics ?? pipeline.refusal?.diagnostics ?? [];
    const refused = pipeline.refusal ?? (pipeline.plan?.error ? pipeline.plan.error : null);
    this.problems.hidden = !found.length && !refused;
    this.problems.count = String(found.length || '');
    const cells = pipeline.source.cells();
    this.problems.show([found, refused?.message, refused?.hint, pipeline.source.path], body => {
      refill(
        body,
        refused ? h('p', { class: 'mn-error' }, refused.message, h('span', { class: 'mn-faint' }, ` ${refused.hint}`)) : null,
        problemList(found, cells, this.trans, {
          jump: (cell, line) => {
            const panel = this.pipelines.currentPanel;
            const place = pipeline.places.find(each => each.id === cell);
            if (panel && place) {
              void jumpToCell(panel, place.index, line);
            }
          },
          edit: edits => pipeline.source.edit(edits),
          suggest: () => void this.commands.execute(COMMAND.suggest)
        })
      );
    });
  }

  private drawParameters(pipeline: Pipeline): void {
    const found = pipeline.plan?.parameters ?? [];
    this.parameters.hidden = !found.length;
    this.parameters.count = pipeline.parameters.size ? this.trans.__('%1 set', pipeline.parameters.size) : String(found.length);
    this.parameters.show([pipeline.source.path, found, [...pipeline.parameters]], body =>
      refill(body, parameterForm(found, pipeline.parameters, this.trans, (name, value) => pipeline.setParameter(name, value)))
    );
  }

  private drawKernel(pipeline: Pipeline): void {
    const state = pipeline.kernel;
    this.kernel.hidden = !state;
    const { trans } = this;
    const words = {
      same: trans.__('as the pipeline computed it'),
      differs: trans.__('differs'),
      missing: trans.__('missing'),
      unknown: trans.__('cannot be compared')
    };
    this.kernel.show(state, body =>
      refill(
        body,
        h(
          'table',
          { class: 'mn-table' },
          h(
            'tbody',
            {},
            ...(state?.variables ?? []).map(variable =>
              h(
                'tr',
                { class: `mn-kernel-${variable.state}` },
                h('td', {}, h('code', {}, variable.name)),
                h('td', {}, words[variable.state]),
                h('td', { class: 'mn-faint' }, [variable.step ?? '', variable.detail].filter(Boolean).join(': '))
              )
            )
          )
        ),
        button(trans.__('Forget'), () => pipeline.clearKernel(), { class: 'mn-small' })
      )
    );
  }

  private drawVerification(): void {
    const verification = this.verification?.path === this.pipeline?.source.path ? this.verification : null;
    this.verifying.hidden = !verification;
    if (verification) {
      this.verifying.show([verification.id, verification.job], body =>
        refill(body, verificationResult(verification, this.trans))
      );
    }
  }

  private pipeline: Pipeline | null = null;
  private verification: Verification | null = null;
  private readonly head = h('header', { class: 'mn-head' });
  private readonly running = h('div', { class: 'mn-running' });
  private readonly problems = new Section(this.trans.__('Problems'), 'problems');
  private readonly steps = new Section(this.trans.__('Steps'), 'steps');
  private readonly parameters = new Section(this.trans.__('Parameters of the next run'), 'parameters');
  private readonly kernel = new Section(this.trans.__('Kernel'), 'kernel');
  private readonly verifying = new Section(this.trans.__('Verification'), 'verification');
  private readonly graph: Graph;
  private headKey = '';
  private clock = 0;
}
