/** The signs of states: told apart by their form as well as by their colour. Drawn in a box of 12 by 12. */

import { LabIcon } from '@jupyterlab/ui-components';

import type { StepState } from '../model/stepView';
import { svg } from './elements';

const CHECK = 'M2.5 6.5 5 9l4.5-6';
const PATHS: Record<StepState, { d: string; filled?: boolean }> = {
  fresh: { d: CHECK },
  done: { d: CHECK },
  cached: { d: 'M2.5 4h7M2.5 8h7' },
  'will-run': { d: 'M4 2.5v7L9.5 6z', filled: true },
  'may-run': { d: 'M4 4.2a2 2 0 1 1 2.8 1.9c-.6.3-.8.6-.8 1.2M6 9.4v.3' },
  'left-out': { d: 'M3 6h6' },
  unknown: { d: '' },
  pending: { d: 'M6 6m-2.5 0a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0' },
  running: { d: 'M6 1.8A4.2 4.2 0 1 1 1.8 6' },
  failed: { d: 'M3 3l6 6M9 3l-6 6' },
  skipped: { d: 'M3 3l3 3-3 3M7 3l3 3-3 3' },
  cancelled: { d: 'M3.5 3.5h5v5h-5z', filled: true },
  paused: { d: 'M4.2 2.8v6.4M7.8 2.8v6.4' }
};

/** The sign of a state; it is not read aloud, the words beside it are. */
export function stateIcon(state: StepState): SVGSVGElement {
  const { d, filled } = PATHS[state];
  return svg(
    'svg',
    { viewBox: '0 0 12 12', width: 12, height: 12, class: `mn-sign${filled ? ' mn-filled' : ''}`, 'aria-hidden': 'true' },
    svg('path', { d })
  );
}

/** The extension's own sign: three steps, one after the other and beside each other. */
export const pipelineIcon = new LabIcon({
  name: 'mlops-nb:pipeline',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <g class="jp-icon3" fill="#616161">
    <path d="M9 2h6a1 1 0 0 1 1 1v3a1 1 0 0 1-1 1h-2v3h5a1 1 0 0 1 1 1v5h1a1 1 0 0 1 1 1v3a1 1 0 0 1-1 1h-5a1 1 0 0 1-1-1v-3a1 1 0 0 1 1-1h2v-4H7v4h2a1 1 0 0 1 1 1v3a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1v-3a1 1 0 0 1 1-1h1v-5a1 1 0 0 1 1-1h5V7H9a1 1 0 0 1-1-1V3a1 1 0 0 1 1-1z"/>
  </g>
</svg>`
});

export const tagIcon = new LabIcon({
  name: 'mlops-nb:tag',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <path class="jp-icon3" fill="#616161" d="M3 4a1 1 0 0 1 1-1h8.2a2 2 0 0 1 1.4.6l7.2 7.2a2 2 0 0 1 0 2.8l-7.2 7.2a2 2 0 0 1-2.8 0L3.6 13.6A2 2 0 0 1 3 12.2V4zm4.5 5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3z"/>
</svg>`
});

export const runsIcon = new LabIcon({
  name: 'mlops-nb:runs',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <path class="jp-icon3" fill="#616161" d="M4 4h3v3H4zm5 .5h11v2H9zM4 10.5h3v3H4zm5 .5h11v2H9zM4 17h3v3H4zm5 .5h11v2H9z"/>
</svg>`
});
