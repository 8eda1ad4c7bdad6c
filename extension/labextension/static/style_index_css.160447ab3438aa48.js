"use strict";(self.rspackChunkmlops_nb=self.rspackChunkmlops_nb||[]).push([["style_index_css"],{"./node_modules/css-loader/dist/cjs.js!./style/cells.css"(n,e,o){var r=o("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),t=o.n(r),a=o("./node_modules/css-loader/dist/runtime/api.js"),i=(o.n(a))()(t());i.push([n.id,`/* The margin: room at the left of every cell of a tagged notebook, a bar along each step, a chip at its head. */
.mn-notebook { --mn-gutter: 120px; }
.mn-notebook .jp-Cell { padding-left: calc(var(--mn-gutter) + var(--jp-cell-padding)); }
.mn-notebook .jp-Cell { position: relative; }

.mn-margin {
  position: absolute;
  top: 0;
  bottom: 0;
  left: 0;
  width: var(--mn-gutter);
  pointer-events: none;
  font-family: var(--jp-ui-font-family);
}
.mn-bar {
  position: absolute;
  top: 0;
  bottom: 0;
  right: 0;
  width: 4px;
  background: var(--mn-colour);
}
.mn-first > .mn-bar { top: 5px; border-top-left-radius: 3px; border-top-right-radius: 3px; }
.mn-last > .mn-bar { bottom: 5px; border-bottom-left-radius: 3px; border-bottom-right-radius: 3px; }

.mn-chip {
  all: unset;
  box-sizing: border-box;
  position: absolute;
  top: 4px;
  left: 2px;
  right: 6px;
  padding: 2px 5px 2px 3px;
  display: flex;
  flex-direction: column;
  align-items: flex-end;
  gap: 1px;
  overflow: hidden;
  border-radius: 4px;
  pointer-events: auto;
  cursor: pointer;
  text-align: right;
  color: var(--jp-ui-font-color1);
}
/* A cell of one line has room for two lines beside it, not for three. */
.jp-Cell:has(> .mn-first .mn-chip-notes) { min-height: 54px; }
.mn-chip > * { flex: none; }
.mn-chip:hover { background: var(--jp-layout-color2); }
.mn-chip-name {
  max-width: 100%;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
  font-size: var(--jp-ui-font-size1);
  font-weight: 600;
  line-height: 15px;
  color: var(--mn-colour, var(--jp-ui-font-color2));
}
.mn-chip-state {
  display: flex;
  align-items: center;
  gap: 4px;
  font-size: var(--jp-ui-font-size0);
  line-height: 13px;
  white-space: nowrap;
  font-variant-numeric: tabular-nums;
  color: var(--jp-ui-font-color2);
}
.mn-state-failed .mn-chip-state, .mn-state-paused .mn-chip-state, .mn-state-running .mn-chip-state { color: var(--mn-state); font-weight: 600; }
.mn-old .mn-chip-state { opacity: 0.55; }
.mn-continues .mn-chip-name { font-weight: 400; opacity: 0.7; font-size: var(--jp-ui-font-size0); }
.mn-chip-notes { display: flex; flex-wrap: wrap; justify-content: flex-end; gap: 2px 6px; }
.mn-note { font-size: 10px; line-height: 12px; color: var(--jp-ui-font-color2); }
.mn-edited { color: var(--mn-wait); }
.mn-hidden { color: var(--mn-bad); }
.mn-left-out .mn-chip-name { font-weight: 400; font-style: italic; }
.jp-Cell:has(> .mn-left-out) > .jp-Cell-inputWrapper { opacity: 0.72; }

@media (max-width: 900px) { .mn-notebook { --mn-gutter: 96px; } }
@media print { .mn-notebook { --mn-gutter: 0; } .mn-margin { display: none; } }
`,""]),o.d(e,{},{A:i})},"./node_modules/css-loader/dist/cjs.js!./style/index.css"(n,e,o){var r=o("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),t=o.n(r),a=o("./node_modules/css-loader/dist/runtime/api.js"),i=o.n(a),s=o("./node_modules/css-loader/dist/cjs.js!./style/variables.css"),l=o("./node_modules/css-loader/dist/cjs.js!./style/cells.css"),m=o("./node_modules/css-loader/dist/cjs.js!./style/pipeline.css"),d=o("./node_modules/css-loader/dist/cjs.js!./style/runs.css"),p=i()(t());p.i(s.A),p.i(l.A),p.i(m.A),p.i(d.A),p.push([n.id,`
`,""]),o.d(e,{},{A:p})},"./node_modules/css-loader/dist/cjs.js!./style/pipeline.css"(n,e,o){var r=o("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),t=o.n(r),a=o("./node_modules/css-loader/dist/runtime/api.js"),i=(o.n(a))()(t());i.push([n.id,`.mn-panel {
  overflow: auto;
  min-width: 300px !important;
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font-size: var(--jp-ui-font-size1);
}
.mn-head { padding: 10px 12px 8px; }
.mn-head h2 { margin: 0; font-size: 15px; font-weight: 600; overflow-wrap: anywhere; }
.mn-head p { margin: 2px 0 8px; }
.mn-second { margin-top: 6px; }
.mn-second .mn-button { border-color: transparent; padding: 1px 6px; color: var(--jp-ui-font-color2); font-size: var(--jp-ui-font-size0); background: none; }
.mn-second .mn-button:hover:enabled { background: var(--jp-layout-color2); color: var(--jp-ui-font-color1); }
.mn-second .mn-button:disabled { color: var(--jp-ui-font-color3); }
.mn-second { margin-left: -7px; gap: 0; }

.mn-run { padding: 8px 12px 10px; border-top: 1px solid var(--jp-border-color2); }
.mn-run-line { display: flex; gap: 8px; align-items: baseline; }
.mn-run-line .mn-status { flex: 1; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.mn-run-line .mn-link { font-size: var(--jp-ui-font-size0); max-width: 45%; overflow: hidden; text-overflow: ellipsis; }
.mn-run .mn-faint { font-variant-numeric: tabular-nums; }
.mn-notice { margin: 5px 0 0; font-size: var(--jp-ui-font-size0); overflow-wrap: anywhere; }
.mn-meter { margin-top: 6px; height: 4px; border-radius: 2px; background: var(--jp-layout-color3); overflow: hidden; }
.mn-meter > div { height: 100%; background: var(--mn-good); transition: width 0.3s; }
.mn-status-running .mn-meter > div, .mn-status-starting .mn-meter > div { background: var(--mn-work); }
.mn-meter-failed > div, .mn-status-failed .mn-meter > div, .mn-status-died .mn-meter > div { background: var(--mn-bad) !important; }
.mn-status { font-weight: 600; }
.mn-status-succeeded .mn-status, .mn-step-succeeded, .mn-step-cached { color: var(--mn-good); }
.mn-status-running .mn-status, .mn-status-starting .mn-status, .mn-step-running { color: var(--mn-work); }
.mn-status-failed .mn-status, .mn-status-died .mn-status, .mn-status-refused .mn-status, .mn-step-failed, .mn-step-died { color: var(--mn-bad); }
.mn-status-paused .mn-status { color: var(--mn-work); }
.mn-waiting { margin: 6px 0 2px; padding: 6px 10px; border-left: 3px solid var(--mn-work); background: var(--jp-layout-color2); border-radius: 3px; }
.mn-waiting p { margin: 0 0 6px; }
.mn-status-cancelled .mn-status, .mn-step-cancelled, .mn-step-skipped, .mn-step-pending { color: var(--mn-quiet); }

.mn-section { border-top: 1px solid var(--jp-border-color2); }
.mn-section > summary {
  display: flex;
  align-items: center;
  gap: 6px;
  padding: 6px 12px;
  cursor: pointer;
  font-weight: 600;
  color: var(--jp-ui-font-color2);
  list-style: none;
}
.mn-section > summary::-webkit-details-marker { display: none; }
.mn-section > summary::before { content: '▸'; width: 10px; font-size: 10px; }
.mn-section[open] > summary::before { content: '▾'; }
.mn-badge { font-weight: 400; font-size: var(--jp-ui-font-size0); color: var(--jp-ui-font-color2); }
.mn-section-body { padding: 0 12px 10px; }
.mn-section-steps > .mn-section-body { padding: 0 0 8px; }

.mn-graph { position: relative; }
.mn-graph-scroll { overflow: auto; max-height: 62vh; padding: 0 6px; }
.mn-graph-scroll > svg { display: block; margin: 0 auto; }
.mn-graph text { font-family: var(--jp-ui-font-family); fill: var(--jp-ui-font-color1); }
.mn-node { cursor: pointer; outline: none; }
.mn-node .mn-box { fill: var(--jp-layout-color1); stroke: var(--jp-border-color1); stroke-width: 1; }
.mn-node:hover .mn-box { fill: var(--jp-layout-color2); }
.mn-node:focus-visible .mn-box { stroke: var(--jp-brand-color1); stroke-width: 2; }
.mn-node .mn-stripe { fill: var(--mn-colour); }
.mn-node.mn-state-failed .mn-box { stroke: var(--mn-bad); stroke-width: 1.5; }
.mn-node.mn-state-running .mn-box { stroke: var(--mn-work); stroke-width: 1.5; }
.mn-node .mn-node-name { font-size: 12px; font-weight: 600; }
.mn-node .mn-node-state { font-size: 11px; fill: var(--jp-ui-font-color2); font-variant-numeric: tabular-nums; }
.mn-node.mn-old .mn-node-state { opacity: 0.6; }
.mn-progress-line { fill: var(--mn-work); }
.mn-edge { outline: none; }
.mn-edge path { fill: none; }
.mn-edge .mn-reach { stroke: transparent; stroke-width: 12; }
.mn-edge .mn-line { stroke: var(--jp-ui-font-color2); stroke-width: 1.3; opacity: 0.75; }
.mn-edge .mn-head { fill: var(--jp-ui-font-color2); stroke: none; }
.mn-edge.mn-assumed .mn-line { stroke-dasharray: 4 3; }
.mn-edge:hover .mn-line, .mn-edge:focus-visible .mn-line { stroke: var(--jp-brand-color1); stroke-width: 2; opacity: 1; }
.mn-edge:hover .mn-head, .mn-edge:focus-visible .mn-head { fill: var(--jp-brand-color1); }
.mn-card {
  position: absolute;
  z-index: 2;
  max-width: 260px;
  padding: 6px 9px;
  border: 1px solid var(--jp-border-color1);
  border-radius: 5px;
  background: var(--jp-layout-color1);
  box-shadow: var(--jp-elevation-z4);
  font-size: var(--jp-ui-font-size0);
  line-height: 16px;
  pointer-events: none;
  white-space: pre-wrap;
  overflow-wrap: anywhere;
}
.mn-legend { display: flex; gap: 14px; margin: 6px 12px 0; font-size: var(--jp-ui-font-size0); }
.mn-key { display: flex; align-items: center; gap: 6px; }
.mn-key::before { content: ''; width: 20px; border-top: 1.5px solid var(--jp-ui-font-color2); }
.mn-key.mn-assumed::before { border-top-style: dashed; }

.mn-problems { list-style: none; margin: 0; padding: 0; }
.mn-problem-item { padding: 5px 0 6px; border-top: 1px solid var(--jp-border-color3, var(--jp-border-color2)); }
.mn-problem-item:first-child { border-top: 0; }
.mn-jump { all: unset; box-sizing: border-box; display: flex; flex-wrap: wrap; gap: 0 8px; width: 100%; padding: 2px 4px; margin: 0 -4px; border-radius: 3px; cursor: pointer; }
.mn-jump:disabled { cursor: default; }
.mn-jump:hover:enabled { background: var(--jp-layout-color2); }
.mn-severity { font-weight: 600; }
.mn-problem-item.mn-error, .mn-problem-item.mn-warning, .mn-problem-item.mn-notice { color: inherit; }
.mn-error .mn-severity { color: var(--mn-bad); }
.mn-warning .mn-severity { color: var(--mn-wait); }
.mn-notice .mn-severity { color: var(--mn-quiet); }
.mn-place { color: var(--jp-ui-font-color2); flex: 1; }
.mn-code { color: var(--jp-ui-font-color3); font-size: var(--jp-ui-font-size0); }
.mn-message { flex-basis: 100%; overflow-wrap: anywhere; }
.mn-fix { margin: 2px 0 4px; color: var(--jp-ui-font-color2); overflow-wrap: anywhere; }
.mn-failure { margin-top: 6px; color: var(--mn-bad); flex-direction: column; }
.mn-failure span { color: var(--jp-ui-font-color1); overflow-wrap: anywhere; }

.mn-parameter { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); gap: 0 8px; align-items: center; padding: 2px 0; }
.mn-parameter label { overflow: hidden; text-overflow: ellipsis; }
.mn-parameter > div { display: flex; gap: 4px; align-items: center; }
.mn-parameter .mn-problem { grid-column: 2; font-size: var(--jp-ui-font-size0); }
.mn-parameter.mn-changed label { font-weight: 600; }
.mn-kernel-differs td { color: var(--mn-bad); }
.mn-good .mn-verdict { color: var(--mn-good); font-weight: 600; }
.mn-bad .mn-verdict { color: var(--mn-bad); font-weight: 600; }

.mn-status-item { display: flex; align-items: center; height: 100%; }
.mn-status-button { all: unset; line-height: normal; cursor: pointer; padding: 0 6px; font-size: var(--jp-ui-font-size1); color: var(--jp-ui-font-color1); }
.mn-status-button:hover { background: var(--jp-layout-color3); }
`,""]),o.d(e,{},{A:i})},"./node_modules/css-loader/dist/cjs.js!./style/runs.css"(n,e,o){var r=o("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),t=o.n(r),a=o("./node_modules/css-loader/dist/runtime/api.js"),i=(o.n(a))()(t());i.push([n.id,`.mn-browser { display: flex; flex-direction: column; background: var(--jp-layout-color1); color: var(--jp-ui-font-color1); font-size: var(--jp-ui-font-size1); overflow: hidden; }
.mn-tabs { display: flex; flex: none; gap: 8px; align-items: center; padding: 6px 16px; border-bottom: 1px solid var(--jp-border-color2); }
.mn-tab { border-color: transparent; }
.mn-tab[aria-current='page'] { background: var(--jp-layout-color2); font-weight: 600; }
.mn-page { flex: 1; min-height: 0; overflow: auto; padding: 12px 16px 24px; outline: none; }
.mn-page[aria-busy] { opacity: 0.6; }
.mn-page h2 { margin: 0; font-size: 18px; font-weight: 600; }
.mn-page header p { margin: 4px 0; }
.mn-page header .mn-actions { margin-top: 8px; }
.mn-search { display: grid; grid-template-columns: minmax(180px, 3fr) minmax(110px, 1fr) 130px auto auto; gap: 8px; max-width: 1000px; }
.mn-rows { width: 100%; max-width: 1100px; }
.mn-rows tbody tr { border-top: 1px solid var(--jp-border-color2); }
.mn-rows tbody tr:hover { background: var(--jp-layout-color2); }
.mn-rows td, .mn-rows th { padding: 5px 12px 5px 4px; }
.mn-rows td.mn-number { text-align: left; }
.mn-part { margin-top: 18px; }
.mn-part > h3 { margin: 0 0 6px; font-size: 13px; font-weight: 600; color: var(--jp-ui-font-color2); }
.mn-wide { overflow: auto; }
.mn-values td:nth-child(2) { text-align: right; font-variant-numeric: tabular-nums; }
.mn-figures { display: flex; flex-wrap: wrap; gap: 12px; }
.mn-figures figure { margin: 0; padding: 8px; max-width: 440px; border: 1px solid var(--jp-border-color2); border-radius: 4px; }
.mn-figures img { display: block; max-width: 100%; max-height: 320px; background: #fff; border-radius: 2px; }
.mn-figures figcaption { padding-top: 6px; }
.mn-failed-step { padding: 6px 12px; border-left: 3px solid var(--mn-bad); background: var(--jp-layout-color2); border-radius: 3px; max-width: 1076px; }
.mn-failed-step p { margin: 2px 0; }
.mn-failed-step .mn-source { background: var(--jp-layout-color1); }
.mn-report { box-sizing: border-box; width: 100%; height: calc(100% - 4px); border: 1px solid var(--jp-border-color2); border-radius: 4px; background: #fff; }
.mn-executed-cell { margin-top: 10px; max-width: 1000px; }
.mn-output { margin: 4px 0 0; padding: 2px 8px; overflow: auto; font-family: var(--jp-code-font-family); font-size: var(--jp-code-font-size); white-space: pre-wrap; }
.mn-output .jp-RenderedHTMLCommon { font-family: var(--jp-content-font-family); white-space: normal; padding-right: 0; }
.mn-stderr { background: var(--jp-rendermime-error-background); }
.mn-compare th, .mn-compare td { padding: 4px 18px 4px 0; border-bottom: 1px solid var(--jp-border-color2); }
.mn-compare thead th { font-weight: 400; }
.mn-compare td.mn-number { text-align: left; }
.mn-compare th:first-child { min-width: 140px; }
.mn-compare th, .mn-compare td { min-width: 150px; }
.mn-difference { margin-left: 8px; font-size: var(--jp-ui-font-size0); }
.mn-best { font-weight: 600; color: var(--mn-good); }
.mn-version { padding: 8px 12px; margin-bottom: 8px; border: 1px solid var(--jp-border-color2); border-radius: 4px; max-width: 1076px; }
.mn-version p { margin: 4px 0 0; }
.mn-version-head { display: flex; flex-wrap: wrap; gap: 10px; align-items: baseline; }
.mn-alias { padding: 0 8px; border-radius: 9px; background: var(--jp-brand-color1); color: var(--jp-ui-inverse-font-color1, #fff); font-size: var(--jp-ui-font-size0); line-height: 17px; }
.mn-metrics { display: flex; flex-wrap: wrap; gap: 4px 18px; font-variant-numeric: tabular-nums; }
.mn-verdicts { margin: 4px 0 0; padding-left: 18px; }
.mn-decision-pass strong, .mn-decision-promote strong { color: var(--mn-good); }
.mn-decision-stop strong, .mn-decision-refuse strong, .mn-decision-fail strong { color: var(--mn-bad); }
`,""]),o.d(e,{},{A:i})},"./node_modules/css-loader/dist/cjs.js!./style/variables.css"(n,e,o){var r=o("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),t=o.n(r),a=o("./node_modules/css-loader/dist/runtime/api.js"),i=(o.n(a))()(t());i.push([n.id,`/* Eight hues of Okabe and Ito's palette, darkened for light themes and lightened for dark ones so that each has a
   contrast of 3:1 or more against the page (WCAG 2.2, 1.4.11). */
:root {
  --mn-hue-0: #0072b2;
  --mn-hue-1: #b35900;
  --mn-hue-2: #00805f;
  --mn-hue-3: #a8528a;
  --mn-hue-4: #2b8cbe;
  --mn-hue-5: #8a7a00;
  --mn-hue-6: #c0432c;
  --mn-hue-7: #5b5f97;
  --mn-good: #1e7b4a;
  --mn-work: #0b6ea8;
  --mn-wait: #9a5b00;
  --mn-bad: #c02f2f;
  --mn-quiet: var(--jp-ui-font-color2);
}

body[data-jp-theme-light='false'] {
  --mn-hue-0: #56a8e0;
  --mn-hue-1: #e69f4c;
  --mn-hue-2: #3cc09a;
  --mn-hue-3: #d98cbd;
  --mn-hue-4: #86c9ef;
  --mn-hue-5: #d9c63f;
  --mn-hue-6: #f0836a;
  --mn-hue-7: #a3a8e0;
  --mn-good: #5cc78c;
  --mn-work: #6cb8ea;
  --mn-wait: #e2ac55;
  --mn-bad: #f28482;
}

.mn-colour-0 { --mn-colour: var(--mn-hue-0); }
.mn-colour-1 { --mn-colour: var(--mn-hue-1); }
.mn-colour-2 { --mn-colour: var(--mn-hue-2); }
.mn-colour-3 { --mn-colour: var(--mn-hue-3); }
.mn-colour-4 { --mn-colour: var(--mn-hue-4); }
.mn-colour-5 { --mn-colour: var(--mn-hue-5); }
.mn-colour-6 { --mn-colour: var(--mn-hue-6); }
.mn-colour-7 { --mn-colour: var(--mn-hue-7); }

.mn-state-fresh, .mn-state-done, .mn-state-cached { --mn-state: var(--mn-good); }
.mn-state-running { --mn-state: var(--mn-work); }
.mn-state-will-run, .mn-state-may-run { --mn-state: var(--mn-wait); }
.mn-state-failed { --mn-state: var(--mn-bad); }
.mn-state-paused { --mn-state: var(--mn-work); }
.mn-state-pending, .mn-state-left-out, .mn-state-unknown, .mn-state-skipped, .mn-state-cancelled { --mn-state: var(--mn-quiet); }

.mn-sign {
  width: 12px;
  height: 12px;
  flex: none;
  fill: none;
  stroke: var(--mn-state, currentcolor);
  stroke-width: 1.6;
  stroke-linecap: round;
  stroke-linejoin: round;
}
.mn-sign.mn-filled { fill: var(--mn-state, currentcolor); stroke-width: 1; }
.mn-state-running .mn-sign { animation: mn-turn 1.4s linear infinite; transform-origin: 6px 6px; transform-box: view-box; }
@keyframes mn-turn { to { transform: rotate(360deg); } }
@media (prefers-reduced-motion: reduce) { .mn-state-running .mn-sign { animation: none; } }

.mn-faint { color: var(--jp-ui-font-color2); }
.mn-error, .mn-problem { color: var(--mn-bad); }
.mn-problem:empty { display: none; }
.mn-number { text-align: right; font-variant-numeric: tabular-nums; }

.mn-button {
  appearance: none;
  font: inherit;
  font-size: var(--jp-ui-font-size1);
  line-height: 20px;
  padding: 1px 9px;
  color: var(--jp-ui-font-color1);
  background: var(--jp-layout-color1);
  border: 1px solid var(--jp-border-color1);
  border-radius: 4px;
  cursor: pointer;
  white-space: nowrap;
}
.mn-button:hover:enabled { background: var(--jp-layout-color2); }
.mn-button:disabled { color: var(--jp-ui-font-color3); border-color: var(--jp-border-color2); cursor: default; }
.mn-button.mn-primary:enabled { background: var(--jp-brand-color1); border-color: var(--jp-brand-color1); color: var(--jp-ui-inverse-font-color1, #fff); font-weight: 600; }
.mn-button.mn-primary.mn-warn:enabled { background: var(--jp-warn-color-normal, #b35900); border-color: transparent; color: #fff; }
.mn-button.mn-small { line-height: 16px; padding: 0 7px; font-size: var(--jp-ui-font-size0); }
.mn-button.mn-link { padding: 0; border: 0; background: none; color: var(--jp-content-link-color, var(--jp-brand-color1)); text-align: left; }
.mn-button.mn-link:hover:enabled { text-decoration: underline; background: none; }
.mn-button:focus-visible, .mn-chip:focus-visible, .mn-jump:focus-visible, .mn-section > summary:focus-visible, .mn-status-button:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: 1px;
}
.mn-actions { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; }

.mn-input {
  box-sizing: border-box;
  width: 100%;
  min-width: 0;
  height: 26px;
  padding: 2px 7px;
  font: inherit;
  font-size: var(--jp-ui-font-size1);
  color: var(--jp-ui-font-color1);
  background: var(--jp-layout-color1);
  border: 1px solid var(--jp-border-color1);
  border-radius: 4px;
}
.mn-input::placeholder { color: var(--jp-ui-font-color3); }
.mn-input:focus-visible { outline: 2px solid var(--jp-brand-color1); outline-offset: -1px; }
textarea.mn-input { height: auto; font-family: var(--jp-code-font-family); }
.mn-input[aria-invalid='true'], .mn-wrong .mn-input { border-color: var(--mn-bad); }
.mn-table { border-collapse: collapse; font-size: var(--jp-ui-font-size1); }
.mn-table th { text-align: left; font-weight: 600; color: var(--jp-ui-font-color2); }
.mn-table th, .mn-table td { padding: 3px 10px 3px 0; vertical-align: top; }
.mn-table td.mn-number, .mn-table th.mn-number { text-align: right; }
.mn-source {
  margin: 4px 0;
  padding: 6px 8px;
  max-height: 360px;
  overflow: auto;
  background: var(--jp-layout-color2);
  border-radius: 3px;
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size);
  line-height: var(--jp-code-line-height);
  white-space: pre-wrap;
}

/* Dialogs */
.mn-dialog { min-width: 420px; max-width: 720px; font-size: var(--jp-ui-font-size1); }
.mn-dialog p { margin: 6px 0; }
.mn-label { display: block; margin: 4px 0; font-weight: 600; }
.mn-field { display: grid; grid-template-columns: 110px minmax(0, 1fr); gap: 2px 12px; padding: 5px 0; }
.mn-field .mn-faint { margin: 1px 0 0; font-size: var(--jp-ui-font-size0); }
.mn-field .mn-table td { padding-right: 6px; }
.mn-proposal { max-height: 60vh; overflow: auto; }
.mn-proposal code { display: block; max-width: 260px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
`,""]),o.d(e,{},{A:i})},"./node_modules/css-loader/dist/runtime/api.js"(n){n.exports=function(n){var e=[];return e.toString=function(){return this.map(function(e){var o="",r=void 0!==e[5];return e[4]&&(o+="@supports (".concat(e[4],") {")),e[2]&&(o+="@media ".concat(e[2]," {")),r&&(o+="@layer".concat(e[5].length>0?" ".concat(e[5]):""," {")),o+=n(e),r&&(o+="}"),e[2]&&(o+="}"),e[4]&&(o+="}"),o}).join("")},e.i=function(n,o,r,t,a){"string"==typeof n&&(n=[[null,n,void 0]]);var i={};if(r)for(var s=0;s<this.length;s++){var l=this[s][0];null!=l&&(i[l]=!0)}for(var m=0;m<n.length;m++){var d=[].concat(n[m]);r&&i[d[0]]||(void 0!==a&&(void 0===d[5]||(d[1]="@layer".concat(d[5].length>0?" ".concat(d[5]):""," {").concat(d[1],"}")),d[5]=a),o&&(d[2]&&(d[1]="@media ".concat(d[2]," {").concat(d[1],"}")),d[2]=o),t&&(d[4]?(d[1]="@supports (".concat(d[4],") {").concat(d[1],"}"),d[4]=t):d[4]="".concat(t)),e.push(d))}},e}},"./node_modules/css-loader/dist/runtime/noSourceMaps.js"(n){n.exports=function(n){return n[1]}},"./style/index.css"(n,e,o){o.r(e);var r=o("./node_modules/style-loader/dist/runtime/injectStylesIntoStyleTag.js"),t=o.n(r),a=o("./node_modules/style-loader/dist/runtime/styleDomAPI.js"),i=o.n(a),s=o("./node_modules/style-loader/dist/runtime/insertBySelector.js"),l=o.n(s),m=o("./node_modules/style-loader/dist/runtime/setAttributesWithoutAttributes.js"),d=o.n(m),p=o("./node_modules/style-loader/dist/runtime/insertStyleElement.js"),c=o.n(p),u=o("./node_modules/style-loader/dist/runtime/styleTagTransform.js"),f=o.n(u),g=o("./node_modules/css-loader/dist/cjs.js!./style/index.css"),x={};x.styleTagTransform=f(),x.setAttributes=d(),x.insert=l().bind(null,"head"),x.domAPI=i(),x.insertStyleElement=c(),t()(g.A,x);let h=g.A&&g.A.locals?g.A.locals:void 0;o.d(e,{},{default:h})},"./node_modules/style-loader/dist/runtime/injectStylesIntoStyleTag.js"(n){var e=[];function o(n){for(var o=-1,r=0;r<e.length;r++)if(e[r].identifier===n){o=r;break}return o}function r(n,r){for(var t={},a=[],i=0;i<n.length;i++){var s=n[i],l=r.base?s[0]+r.base:s[0],m=t[l]||0,d="".concat(l," ").concat(m);t[l]=m+1;var p=o(d),c={css:s[1],media:s[2],sourceMap:s[3],supports:s[4],layer:s[5]};if(-1!==p)e[p].references++,e[p].updater(c);else{var u=function(n,e){var o=e.domAPI(e);return o.update(n),function(e){e?(e.css!==n.css||e.media!==n.media||e.sourceMap!==n.sourceMap||e.supports!==n.supports||e.layer!==n.layer)&&o.update(n=e):o.remove()}}(c,r);r.byIndex=i,e.splice(i,0,{identifier:d,updater:u,references:1})}a.push(d)}return a}n.exports=function(n,t){var a=r(n=n||[],t=t||{});return function(n){n=n||[];for(var i=0;i<a.length;i++){var s=o(a[i]);e[s].references--}for(var l=r(n,t),m=0;m<a.length;m++){var d=o(a[m]);0===e[d].references&&(e[d].updater(),e.splice(d,1))}a=l}}},"./node_modules/style-loader/dist/runtime/insertBySelector.js"(n){var e={};n.exports=function(n,o){var r=function(n){if(void 0===e[n]){var o=document.querySelector(n);if(window.HTMLIFrameElement&&o instanceof window.HTMLIFrameElement)try{o=o.contentDocument.head}catch(n){o=null}e[n]=o}return e[n]}(n);if(!r)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");r.appendChild(o)}},"./node_modules/style-loader/dist/runtime/insertStyleElement.js"(n){n.exports=function(n){var e=document.createElement("style");return n.setAttributes(e,n.attributes),n.insert(e,n.options),e}},"./node_modules/style-loader/dist/runtime/setAttributesWithoutAttributes.js"(n,e,o){n.exports=function(n){var e=o.nc;e&&n.setAttribute("nonce",e)}},"./node_modules/style-loader/dist/runtime/styleDomAPI.js"(n){n.exports=function(n){if("u"<typeof document)return{update:function(){},remove:function(){}};var e=n.insertStyleElement(n);return{update:function(o){var r,t,a;r="",o.supports&&(r+="@supports (".concat(o.supports,") {")),o.media&&(r+="@media ".concat(o.media," {")),(t=void 0!==o.layer)&&(r+="@layer".concat(o.layer.length>0?" ".concat(o.layer):""," {")),r+=o.css,t&&(r+="}"),o.media&&(r+="}"),o.supports&&(r+="}"),(a=o.sourceMap)&&"u">typeof btoa&&(r+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(a))))," */")),n.styleTagTransform(r,e,n.options)},remove:function(){var n;null===(n=e).parentNode||n.parentNode.removeChild(n)}}}},"./node_modules/style-loader/dist/runtime/styleTagTransform.js"(n){n.exports=function(n,e){if(e.styleSheet)e.styleSheet.cssText=n;else{for(;e.firstChild;)e.removeChild(e.firstChild);e.appendChild(document.createTextNode(n))}}}}]);