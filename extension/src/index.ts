import { entrances } from './entrances/plugin';
import { model } from './model/plugin';
import { pipeline } from './pipeline/plugin';
import { runs } from './runs/plugin';
import { steps } from './steps/plugin';

export default [model, steps, pipeline, runs, entrances];
