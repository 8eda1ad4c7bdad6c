/**
 * The pipeline of one open notebook: where its cells stand, what a run would do, and the run that is followed.
 *
 * It never writes to the notebook and runs nothing unless one of its verbs is called.
 */

import type { Event } from '@jupyterlab/services';
import { Debouncer } from '@lumino/polling';
import { Signal, type ISignal } from '@lumino/signaling';

import { ApiError, type Api } from '../api';
import type { KernelState, Plan, PlanStep, ProbeRequest, RunEvent } from '../contract';
import { colours } from '../tags/colours';
import { PRELUDE, readPlaces, type IPlace } from '../tags/grammar';
import { EVENT } from '../tokens';
import { waitsAt } from './decision';
import { Follower } from './follow';
import type { INotebookSource } from './notebook';
import { isOver, type IStepProgress } from './progress';
import { planned, underWay, waiting, type IStepView } from './stepView';

export interface IOptions {
  showChips: boolean;
  planOn: 'change' | 'save' | 'request';
  planDelay: number;
}

export const DEFAULTS: IOptions = { showChips: true, planOn: 'change', planDelay: 700 };

/** Between two plans that a server out of reach is asked for, in milliseconds. */
const LONGEST_DELAY = 60_000;

export class Pipeline {
  constructor(
    readonly source: INotebookSource,
    readonly api: Api,
    stream: Event.Stream | null,
    private options: IOptions
  ) {
    this.stream = stream;
    this.follower = new Follower(api, () => this.source.path, stream);
    this.follower.changed.connect(this.onRun, this);
    stream?.connect(this.onEvent, this);
    this.reader = new Debouncer(() => this.read(), 120);
    this.planner = new Debouncer(() => this.refresh(), options.planDelay);
    source.changed.connect(this.onChange, this);
    source.saved.connect(this.onSaved, this);
    this.read();
    if (options.planOn !== 'request') {
      void this.refresh();
    }
  }

  /** Emits when the places of cells, the plan, a state or the run changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get places(): readonly IPlace[] {
    return this._places;
  }

  /** The last plan that the server gave; null before there is one. */
  get plan(): Plan | null {
    return this._plan;
  }

  /** Why there is no plan of the notebook as it is now. */
  get refusal(): ApiError | null {
    return this._refusal;
  }

  /** Whether the notebook has changed since the plan was asked for, or one is being asked for. */
  get old(): boolean {
    return this._old;
  }

  /** Values for the next run that differ from what it would be given anyway. */
  get parameters(): ReadonlyMap<string, unknown> {
    return this._parameters;
  }

  /** What the live kernel was found to hold; null until the user asks. */
  get kernel(): KernelState | null {
    return this._kernel;
  }

  /** The steps in the notebook's order: the plan's, or those of the tags where there is none. */
  get stepNames(): string[] {
    if (this._plan?.steps.length) {
      return this._plan.steps.map(step => step.name);
    }
    return this._places.filter(place => place.first && place.step).map(place => place.step!);
  }

  colour(step: string): number {
    return this._colours.get(step) ?? 0;
  }

  configure(options: IOptions): void {
    this.options = options;
    this.planner.dispose();
    this.planner = new Debouncer(() => this.refresh(), options.planDelay);
    this._changed.emit();
  }

  get showChips(): boolean {
    return this.options.showChips;
  }

  setParameter(name: string, value: unknown): void {
    if (value === undefined) {
      this._parameters.delete(name);
    } else {
      this._parameters.set(name, value);
    }
    this.planner.invoke().catch(() => undefined);
    this._old = true;
    this._changed.emit();
  }

  /** Ask for a plan of the notebook as it is in the editor. Never rejects: a refusal is kept for whoever shows it. */
  async refresh(): Promise<void> {
    const asked = ++this.asked;
    clearTimeout(this.retry);
    this._old = true;
    try {
      const plan = await this.api.plan({
        path: this.source.path,
        content: this.source.content(),
        ...(this._parameters.size ? { parameters: Object.fromEntries(this._parameters) } : {})
      });
      if (asked !== this.asked || this.disposed) {
        return;
      }
      this._plan = plan;
      this._refusal = null;
      this.failures = 0;
      this._colours = colours(plan.steps.map(step => step.name));
      const first = !this._looked;
      this._looked = true;
      if (plan.running && plan.running !== this.follower.progress?.run) {
        void this.follower.follow(plan.running).catch(() => undefined);
      } else if (first) {
        void this.findUnfinished(plan.pipeline).catch(() => undefined);
      }
    } catch (error) {
      if (asked !== this.asked || this.disposed) {
        return;
      }
      this._refusal = error instanceof ApiError ? error : new ApiError(String(error), 0);
      this.retryLater(this._refusal);
    }
    this._old = false;
    this._changed.emit();
  }

  /** Save, and run: all of it, or as far as step `to`. Rejects with an `ApiError` when the server refuses. */
  async run(options: { to?: string; fresh?: boolean } = {}): Promise<string> {
    await this.source.save();
    const { run } = await this.api.start({
      path: this.source.path,
      ...(this._parameters.size ? { parameters: Object.fromEntries(this._parameters) } : {}),
      ...options
    });
    return this.started(run);
  }

  /** Whether the followed run ended early and can go on; one that waits for a decision goes on with that. */
  get resumable(): boolean {
    return this.follower.detail?.run.resumable === true && !this.follower.active && waitsAt(this.follower) === null;
  }

  async resume(): Promise<string> {
    const before = this.follower.detail?.run.id;
    if (!before) {
      throw new ApiError('There is no run to go on with.', 0);
    }
    await this.source.save();
    const { run } = await this.api.resume(before, this.source.path, {});
    return this.started(run);
  }

  /** Follow a run that was started here. */
  async started(run: string): Promise<string> {
    this._startedHere = run;
    await this.follower.follow(run);
    return run;
  }

  async stop(): Promise<void> {
    const run = this.follower.progress?.run;
    if (run) {
      await this.api.stop(run, this.source.path);
    }
  }

  /** Hold what a live kernel told of itself against what the pipeline computed. */
  async compareKernel(probe: ProbeRequest['probe']): Promise<KernelState> {
    this._kernel = await this.api.probe({ path: this.source.path, content: this.source.content(), probe });
    this._changed.emit();
    return this._kernel;
  }

  clearKernel(): void {
    this._kernel = null;
    this._changed.emit();
  }

  /** Look for what was missed while nobody was looking. */
  wake(): void {
    if (this.follower.active) {
      void this.follower.catchUp().catch(() => undefined);
    } else if (this.options.planOn !== 'request') {
      void this.refresh();
    }
  }

  /** What is to be shown of a step: its place in the followed run while that is under way, its plan otherwise. */
  view(name: string): IStepView {
    const plan = this._plan?.steps.find(step => step.name === name);
    const progress = this.follower.progress;
    const told = progress?.steps.get(name);
    if (progress && told && (!isOver(progress.status) || this.endedHere(plan, told))) {
      return underWay(name, told, plan);
    }
    const stands = planned(name, plan, this._old);
    return name === waitsAt(this.follower) ? waiting(stands) : stands;
  }

  dispose(): void {
    this.disposed = true;
    clearTimeout(this.retry);
    this.reader.dispose();
    this.planner.dispose();
    this.follower.dispose();
    this.source.dispose();
    this.stream?.disconnect(this.onEvent, this);
    Signal.disconnectReceiver(this);
    Signal.clearData(this);
  }

  /** A server that is busy, restarting or out of reach is asked again by itself, more and more seldom. */
  private retryLater(refusal: ApiError): void {
    if (refusal.status === 0 || refusal.status >= 500) {
      const delay = Math.min(LONGEST_DELAY, this.options.planDelay * 2 ** ++this.failures);
      this.retry = setTimeout(() => void this.refresh(), delay);
    }
  }

  /** Show the newest run again when it ended early and can go on: after a reload, or on another day. */
  private async findUnfinished(pipeline: string): Promise<void> {
    const { runs } = await this.api.runs({ path: this.source.path, pipeline, limit: 1 });
    const newest = runs[0];
    if (newest?.resumable && !this.disposed && this.follower.progress === null) {
      this._failedStands = false;
      await this.follower.follow(newest.id, false);
    }
  }

  /** A failure stays in sight until the step is changed or run again; a success is what the plan then says. */
  private endedHere(plan: PlanStep | undefined, told: IStepProgress): boolean {
    const bad = told.status === 'failed' || told.status === 'died' || told.status === 'skipped';
    return bad && this._failedStands && plan?.state !== 'fresh' && plan?.state !== 'cached';
  }

  private read(): void {
    const cells = this.source.cells();
    const places = readPlaces(cells);
    const sources = cells.map(cell => [cell.source, ...cell.tags, JSON.stringify(cell.settings)].join('\u0001')).join('\u0002');
    const moved = JSON.stringify(places) !== JSON.stringify(this._places);
    if (moved) {
      this._places = places;
      const names = [...new Set(places.flatMap(place => (place.step && place.step !== PRELUDE ? [place.step] : [])))];
      this._colours = colours([PRELUDE, ...names]);
    }
    if (this.sources !== null && sources !== this.sources) {
      this._old = true;
      this._failedStands = false;
      if (this.options.planOn === 'change') {
        this.planner.invoke().catch(() => undefined);
      }
      this._changed.emit();
    } else if (moved) {
      this._changed.emit();
    }
    this.sources = sources;
  }

  private onChange(): void {
    this.reader.invoke().catch(() => undefined);
  }

  private onSaved(): void {
    if (this.options.planOn !== 'request') {
      void this.refresh();
    }
  }

  private onRun(): void {
    const progress = this.follower.progress;
    const over = progress === null || isOver(progress.status);
    if (!over) {
      this._failedStands = true;
    }
    if (this.wasActive && over) {
      void this.refresh();
    }
    this.wasActive = !over;
    this._changed.emit();
  }

  /** A run of this notebook that was started elsewhere, in another tab or a terminal, is followed too. */
  private onEvent(_: Event.IManager, emission: Event.Emission): void {
    const event = emission as unknown as RunEvent;
    if (
      emission.schema_id === EVENT.run &&
      event.kind === 'run-started' &&
      event.path === this.source.path &&
      event.run !== this._startedHere
    ) {
      void this.follower.follow(event.run).catch(() => undefined);
    }
  }

  readonly follower: Follower;
  private readonly stream: Event.Stream | null;
  private readonly reader: Debouncer;
  private planner: Debouncer;
  private readonly _changed = new Signal<this, void>(this);
  private readonly _parameters = new Map<string, unknown>();
  private _places: IPlace[] = [];
  private _plan: Plan | null = null;
  private _refusal: ApiError | null = null;
  private _kernel: KernelState | null = null;
  private _colours = new Map<string, number>();
  private _old = false;
  private _failedStands = true;
  private _startedHere = '';
  private _looked = false;
  private asked = 0;
  private failures = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private sources: string | null = null;
  private wasActive = false;
  private disposed = false;
}
