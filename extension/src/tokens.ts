/** Names that plugins, commands, schemas and tests agree on. */

export const EXTENSION = 'mlops-nb';

export const PLUGIN = {
  model: `${EXTENSION}:model`,
  steps: `${EXTENSION}:steps`,
  pipeline: `${EXTENSION}:pipeline`,
  runs: `${EXTENSION}:runs`,
  entrances: `${EXTENSION}:entrances`
} as const;

/** Command ids; each is in the command palette under `CATEGORY`. */
export const COMMAND = {
  newStep: 'mlops-nb:new-step',
  joinAbove: 'mlops-nb:join-step-above',
  joinBelow: 'mlops-nb:join-step-below',
  dependsOn: 'mlops-nb:depends-on',
  parameters: 'mlops-nb:tag-parameters',
  imports: 'mlops-nb:tag-imports',
  functions: 'mlops-nb:tag-functions',
  metrics: 'mlops-nb:tag-metrics',
  skip: 'mlops-nb:tag-skip',
  test: 'mlops-nb:tag-test',
  removeTags: 'mlops-nb:remove-tags',
  renameStep: 'mlops-nb:rename-step',
  stepSettings: 'mlops-nb:step-settings',
  tagMenu: 'mlops-nb:tag-menu',
  showPipeline: 'mlops-nb:show-pipeline',
  run: 'mlops-nb:run',
  runTo: 'mlops-nb:run-to-here',
  resume: 'mlops-nb:resume',
  stop: 'mlops-nb:stop',
  compile: 'mlops-nb:compile',
  verify: 'mlops-nb:verify',
  suggest: 'mlops-nb:suggest',
  compareKernel: 'mlops-nb:compare-kernel',
  refresh: 'mlops-nb:refresh',
  showRuns: 'mlops-nb:show-runs',
  showModels: 'mlops-nb:show-models',
  openPipelineFolder: 'mlops-nb:open-pipeline-folder'
} as const;

/** The name of the widget that shows a notebook's pipeline, and of the one that shows runs and models. */
export const WIDGET = { pipeline: 'mlops-nb-pipeline', runs: 'mlops-nb-runs' } as const;

/** Under which name a cell's settings stand in its metadata; fixed by the notebook format of mlops_nb. */
export const SETTINGS_KEY = 'mlops_nb';

/** The schema ids of the server's events. */
export const EVENT = { run: 'urn:mlops-nb:run-event', job: 'urn:mlops-nb:job-event' } as const;

/** The media type under which the probe of a live kernel displays what it found. */
export const PROBE_TYPE = 'application/vnd.mlops-nb.probe+json';
