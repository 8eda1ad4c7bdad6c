// Written from mlops_nb/jupyter/openapi.json by `npm run contract`: change that, not this.

/** The fact, its place, the next act. */
export type Error = {
  error: {
    code: string;
    message: string;
    hint: string;
  };
  /** What is wrong with the notebook, where that is the error. */
  diagnostics?: Diagnostic[];
};

export type Diagnostic = {
  code: string;
  severity: 'error' | 'warning' | 'notice';
  message: string;
  fix: string;
  /** The cell's id. */
  cell: string | null;
  /** Counted from 1. */
  cell_number: number | null;
  /** In the cell, from 1. */
  line: number | null;
  variable: string | null;
  step: string | null;
};

export type PlanRequest = {
  /** A notebook or folder, relative to the server's root, with `/` between its parts; as JupyterLab's contents API names it. */
  path: string;
  /** The notebook as it is in the editor (nbformat JSON), where it is not saved; nothing is written. */
  content?: { [name: string]: unknown };
  /** Values that a run would be given. */
  parameters?: { [name: string]: unknown };
  fresh?: boolean;
  /** The step that a run would stop after. */
  to?: string | null;
};

export type Reason = {
  what: 'source' | 'parameters' | 'inputs' | 'files' | 'variables' | 'modules' | 'imported' | 'schemas' | 'ambient' | 'environment' | 'never-ran' | 'upstream' | 'asked' | 'other';
  /** In words, for a person. */
  detail: string;
  /** What changed: variables, files, parameters, modules; for `upstream` the steps. */
  names?: string[];
};

export type PlanCell = {
  id: string;
  /** From 0. */
  index: number;
  kind: 'code' | 'markdown' | 'raw';
  /** The step's name; null where the cell is in none. */
  step: string | null;
  /** Null for a cell without code. */
  role: 'step' | 'continues' | 'imports' | 'functions' | 'parameters' | 'pipeline-metrics' | 'skip' | 'test' | null;
  tags: string[];
  /** As its step's; null where the cell is in none. */
  state: 'fresh' | 'cached' | 'will-run' | 'may-run' | 'left-out' | 'unknown' | null;
  /** The cell's code is not what the step's last success ran. */
  changed?: boolean;
};

export type PlanStep = {
  name: string;
  /** The name on the tags; a step that is continued later has parts `train`, `train.2` of one tag. */
  tag: string;
  /** Ids of its cells. */
  cells: string[];
  /** `fresh`: what its last run left stands, and nothing that it depends on changed. `cached`: an earlier run's result stands for it. `will-run`. `may-run`: whether it must is known when an earlier step has run. `left-out`: it comes after `to`. `unknown`: the notebook has errors. */
  state: 'fresh' | 'cached' | 'will-run' | 'may-run' | 'left-out' | 'unknown';
  because: Reason[];
  /** The same in one sentence. */
  text: string;
  expected_s: number | null;
  last_run: LastRun | null;
  /** The step's settings as the notebook and the settings file give them. */
  settings: { [name: string]: unknown };
  needs: string[];
  after: string[];
  /** Its dataflow is proven by a run of this very source. */
  proven: boolean;
};

export type LastRun = {
  id: string;
  status: string;
  seconds: number | null;
  /** UTC, ISO 8601. */
  at: string | null;
};

export type PlanEdge = {
  from: string;
  to: string;
  /** Seen in a run; otherwise read from the text. */
  proven: boolean;
  /** Asked for by a `prev:` tag. */
  explicit: boolean;
  variables: Array<{
    name: string;
    type: string;
    /** Length of the stored value; null before a run. */
    bytes: number | null;
  }>;
};

export type PlanParameter = {
  name: string;
  type: 'int' | 'float' | 'bool' | 'str' | 'none' | 'list' | 'dict' | 'tuple' | 'date' | 'datetime' | 'timestamp' | 'any';
  /** As JSON. */
  default: unknown;
  /** What a run now would be given. */
  value: unknown;
  source: string;
  /** False where only running the cell tells the default, which is then in `expression`. */
  known: boolean;
  nullable: boolean;
  help: string;
  expression: string;
  cell: string;
  line: number;
};

export type Plan = {
  pipeline: string;
  /** A notebook or folder, relative to the server's root, with `/` between its parts; as JupyterLab's contents API names it. */
  notebook: string;
  /** The project's root, relative to the server's; null where it lies outside of it. */
  project: string | null;
  /** False where the diagnostics refuse a run. */
  ok: boolean;
  cells: PlanCell[];
  steps: PlanStep[];
  edges: PlanEdge[];
  diagnostics: Diagnostic[];
  parameters: PlanParameter[];
  lock: {
    /** Every step's dataflow is proven: independent steps run at once. */
    proven: boolean;
  };
  /** The newest run of this pipeline that has not ended. */
  running: string | null;
  /** What else refuses a run: a value of the settings file, a parameter. */
  error?: {
    code: string;
    message: string;
    hint: string;
  } | null;
};

export type NotebookRequest = {
  /** A notebook or folder, relative to the server's root, with `/` between its parts; as JupyterLab's contents API names it. */
  path: string;
  /** As for /plan. */
  content?: { [name: string]: unknown };
};

export type Suggestion = {
  /** The cells whose tags change: all tags before and after. */
  changes: Array<{
    cell: string;
    number: number;
    first_line: string;
    before: string[];
    after: string[];
    why: string;
  }>;
  /** The same as a text for the eye. */
  diff: string;
};

export type CompileRequest = {
  /** A notebook or folder, relative to the server's root, with `/` between its parts; as JupyterLab's contents API names it. */
  path: string;
  parameters?: { [name: string]: unknown };
};

export type Compiled = {
  folder: string;
  written: string[];
  unchanged: string[];
  removed: string[];
};

export type RunRequest = {
  /** A notebook or folder, relative to the server's root, with `/` between its parts; as JupyterLab's contents API names it. */
  path: string;
  /** Typed values by name. */
  parameters?: { [name: string]: unknown };
  fresh?: boolean;
  /** Stop after this step. */
  to?: string | null;
  /** As `mlops-nb run --isolation`. */
  isolation?: 'fork' | 'cold' | null;
  workers?: number | null;
  why?: string;
};

export type Accepted = {
  run: string;
};

export type RunSummary = {
  id: string;
  pipeline: string;
  /** Relative to the server's root; null where it lies outside of it. */
  notebook: string | null;
  status: 'starting' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'paused' | 'died' | 'refused';
  started: string;
  finished: string | null;
  seconds: number | null;
  user: string;
  origin: {
    kind: string;
    detail: string;
  };
  why: string;
  reason: string;
  resumable: boolean;
  /** The metrics and parameters that `where` names. */
  values?: { [name: string]: unknown };
};

export type RunPage = {
  runs: RunSummary[];
  /** `offset` of the next page; null at the end. */
  next: number | null;
};

export type RunStep = {
  name: string;
  status: 'pending' | 'running' | 'succeeded' | 'failed' | 'cached' | 'cancelled' | 'skipped' | 'died';
  seconds: number | null;
  started: string | null;
  finished: string | null;
  reason: string;
  attempt: number;
  cached: boolean;
  /** Link to the executed notebook, below this API. */
  notebook: string | null;
  error: {
    cell: string;
    cell_number: number;
    ename: string;
    evalue: string;
    traceback: string;
  } | null;
  /** Numbers that the step published. */
  metrics: { [name: string]: unknown };
  figures: ArtifactLink[];
  tables: ArtifactLink[];
  /** Cells done so far and in all, where the run's events tell. */
  cells: {
    done: number;
    of: number;
  };
};

export type ArtifactLink = {
  name: string;
  hash: string;
  media_type: string;
  bytes: number;
  rows?: number | null;
  /** Below this API. */
  href: string;
};

export type RunDetail = {
  run: RunSummary;
  steps: RunStep[];
  edges: string[][];
  parameters: Array<{
    name: string;
    type: string;
    value: unknown;
    source: string;
    step?: string | null;
    secret?: boolean;
  }>;
  scraps: Array<{
    step: string;
    name: string;
    kind: string;
    value: unknown;
  }>;
  models: Array<{
    model: string;
    version: number;
    digest?: string;
  }>;
  verdicts: Array<{ [name: string]: unknown }>;
  history: Array<{
    at: string;
    step: string | null;
    status: string;
    who: string;
    why: string;
  }>;
  git: {
    commit: string;
    dirty: boolean;
    diff_hash: string;
  } | null;
  environment?: { [name: string]: unknown };
  /** Link to the run as a page, below this API. */
  report: string;
  resumes: string;
  /** How many events there are: `seq` of the last one. Fetch the run, then take the events after it. */
  events: number;
  /** The steps at which the run was held up for a person's decision. */
  waits: Waiting[];
};

export type Waiting = {
  step: string;
  /** The digest of what the step made, which is what is decided about. */
  content: string;
  /** The newest decision about this content; null while nobody has decided. */
  decided: null | DecisionMade;
};

export type DecisionMade = {
  decision: 'continue' | 'stop';
  why: string;
  by: string;
  at: string;
};

/** What happens in a run. Emitted as a jupyter_server event under the schema id `urn:mlops-nb:run-event`, version 1, and kept in the run's folder. */
export type RunEvent = {
  run: string;
  /** From 1, without gaps, the same for every server and tab. */
  seq: number;
  kind: 'run-started' | 'step-started' | 'cell-started' | 'cell-done' | 'step-done' | 'run-done' | 'notice' | 'run-refused';
  /** UTC, ISO 8601. */
  at: string;
  step?: string;
  status?: string;
  text?: string;
  /** The step's cell, from 1. */
  cell?: number;
  /** How many cells the step has. */
  cells?: number;
  seconds?: number;
  expected_s?: number;
  /** The notebook, relative to the server's root. */
  path?: string;
};

export type RunEvents = {
  events: RunEvent[];
  status: string;
};

export type ResumeRequest = {
  parameters?: { [name: string]: unknown };
  isolation?: 'fork' | 'cold' | null;
  workers?: number | null;
  why?: string;
};

export type DecisionRequest = {
  /** Whether the run goes on. */
  decision: 'continue' | 'stop';
  /** The reason, for the record. */
  why: string;
  /** The step; the one that the run waits at when absent. */
  step?: string | null;
  /** Decide otherwise than was decided. */
  overrule?: boolean;
};

export type DecisionAnswer = {
  /** The run that was decided about. */
  decided: string;
  step: string;
  decision: 'continue' | 'stop';
  /** The run that goes on; null when none does. */
  run: string | null;
};

export type VerifyRequest = {
  /** A notebook or folder, relative to the server's root, with `/` between its parts; as JupyterLab's contents API names it. */
  path: string;
  parameters?: { [name: string]: unknown };
  tolerance?: number;
};

export type JobAccepted = {
  job: string;
};

/** Its progress comes as jupyter_server events under `urn:mlops-nb:job-event`, version 1: `{job, kind, status, phase}`. */
export type Job = {
  job: string;
  kind: 'verify';
  status: 'running' | 'done' | 'failed' | 'cancelled' | 'died';
  /** `whole`, `again`, `chain`, `parallel`, `locate`. */
  phase: string | null;
  /** As `mlops-nb verify --json`. */
  result: { [name: string]: unknown } | null;
  error: {
    code: string;
    message: string;
    hint: string;
  } | null;
};

export type OpenRequest = {
  run: string;
  /** The first that failed when null. */
  step?: string | null;
  /** Write it anew even where it has mends. */
  anew?: boolean;
};

export type Opened = {
  /** A notebook or folder, relative to the server's root, with `/` between its parts; as JupyterLab's contents API names it. */
  path: string;
  run: string;
  step: string;
  status: string;
  failed_cell: string;
  failure: string;
  inputs: Array<{
    name: string;
    what: string;
    bytes: number;
  }>;
  /** By name, why it cannot be loaded. */
  missing: { [name: string]: unknown };
  notices: string[];
  kept: boolean;
};

export type CompareRequest = {
  runs: string[];
};

export type Comparison = {
  runs: RunSummary[];
  /** All of them. */
  metrics: Array<{
    name: string;
    /** One for each run, in the order asked; null where a run has none. */
    values: unknown[];
    /** From the first run's value, where both are numbers. */
    differences?: Array<number | null>;
    /** Index of the best run, where the metric's better direction is known. */
    best?: number | null;
  }>;
  /** All of them. */
  parameters: Array<{
    name: string;
    /** One for each run, in the order asked; null where a run has none. */
    values: unknown[];
    /** From the first run's value, where both are numbers. */
    differences?: Array<number | null>;
    /** Index of the best run, where the metric's better direction is known. */
    best?: number | null;
  }>;
  /** Steps whose code differs. */
  steps: Array<{
    name: string;
    /** One for each run, in the order asked; null where a run has none. */
    values: unknown[];
    /** From the first run's value, where both are numbers. */
    differences?: Array<number | null>;
    /** Index of the best run, where the metric's better direction is known. */
    best?: number | null;
  }>;
  /** Data that differs. */
  data: Array<{
    name: string;
    /** One for each run, in the order asked; null where a run has none. */
    values: unknown[];
    /** From the first run's value, where both are numbers. */
    differences?: Array<number | null>;
    /** Index of the best run, where the metric's better direction is known. */
    best?: number | null;
  }>;
  /** Outputs that differ. */
  outputs: Array<{
    name: string;
    /** One for each run, in the order asked; null where a run has none. */
    values: unknown[];
    /** From the first run's value, where both are numbers. */
    differences?: Array<number | null>;
    /** Index of the best run, where the metric's better direction is known. */
    best?: number | null;
  }>;
};

export type Model = {
  name: string;
  created: string;
  versions: number;
  latest: number;
  aliases: { [name: string]: number };
};

export type ModelVersion = {
  version: number;
  digest: string;
  created: string;
  run: string | null;
  step: string | null;
  metrics: { [name: string]: unknown };
  aliases: string[];
  format: string;
  signature: { [name: string]: unknown };
  who?: string;
  /** What judges decided about this very version. */
  verdicts: Verdict[];
  /** Later runs that came to the same content. */
  reproductions: string[];
};

export type Verdict = {
  id: number;
  judge: string;
  subject: string;
  decision: string;
  at: string;
  who: string;
  content: { [name: string]: unknown };
};

export type AliasMove = {
  alias: string;
  version: number | null;
  replaced: number | null;
  at: string;
  who: string;
  why: string;
  verdicts: number[];
};

export type ModelDetail = {
  model: Model;
  versions: ModelVersion[];
  /** How its aliases moved, newest first. */
  moves: AliasMove[];
};

export type AliasRequest = {
  alias: string;
  /** Null takes the alias away. */
  version: number | null;
  why: string;
  /** Where the alias must still point (null: nowhere) for the move to happen; anything goes when absent. */
  expected?: number | null;
  /** Only say what would change. */
  dry_run?: boolean;
};

export type RollbackRequest = {
  why: string;
  /** The version that must still be the champion. */
  expected?: number;
  /** Only say what would change. */
  dry_run?: boolean;
};

export type AliasChange = {
  model: string;
  dry_run: boolean;
  changes: Array<{
    alias: string;
    from: number | null;
    to: number | null;
  }>;
};

export type Probe = {
  /** To be shown to the person, and run in their kernel when they say so. It changes no variable and displays one output of the media type `application/vnd.mlops-nb.probe+json`. */
  code: string;
  pipeline: string;
};

export type ProbeRequest = {
  /** A notebook or folder, relative to the server's root, with `/` between its parts; as JupyterLab's contents API names it. */
  path: string;
  /** As for /plan. */
  content?: { [name: string]: unknown };
  /** What the snippet displayed. */
  probe: {
    groups: Array<{
      names: string[];
      fingerprint: string;
      is?: { [name: string]: string };
    }>;
  };
};

export type KernelState = {
  variables: Array<{
    name: string;
    state: 'same' | 'differs' | 'missing' | 'unknown';
    /** The step that the pipeline has it from. */
    step: string | null;
    detail: string;
  }>;
  /** The cells that name variables which differ from what the pipeline computed, or are missing: hidden state. */
  cells: Array<{
    id: string;
    variables: string[];
  }>;
};
