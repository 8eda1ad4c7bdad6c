// The comparison: one view of a model, put together from the table, the charts and the dialog.

const TABS = [
  ["curves", "Curves"],
  ["slices", "Slices"],
  ["parallel", "Parallel coordinates"],
];

class Comparison {
  constructor(model, root) {
    this.model = model;
    this.root = root;
    this.board = new Board(model.get("board"));
    this.sort = { key: "", descending: false };
    this.hidden = new Set();
    this.tab = "curves";
    this.states = { curves: {}, slices: {}, parallel: {} };
    this.width = 900;
    this.tip = new Tip(root);
    this.table = new Table({ now: () => this.now(), sort: (key) => this.sorted(key), toggle: (id) => this.toggle(id) }, this.tip);
    this.promotion = new Promotion(model, () => this.now());
    this.promotion.done = (text) => this.said(text);
    this.drawBelow = onceAFrame(() => this.below());
    this.filterSoon = onceAFrame(() => this.filtered({ rows: true }));
    this.build();
    this.filtered();
    this.listen();
  }

  now() {
    const { board, places, sort } = this;
    const [selected, details, against] = ["selected", "details", "against"].map((name) => this.model.get(name));
    return { board, places, sort, selected, details, against };
  }

  build() {
    this.filter = el("input", {
      type: "search",
      class: "mn-filter",
      placeholder: "Filter: text, or roc_auc > 0.9",
      "aria-label": "Filter rows by text or by conditions",
      oninput: () => this.filterSoon(),
    });
    this.count = el("span", { class: "mn-count", role: "status" });
    this.news = el("span", { class: "mn-news", role: "status" });
    this.base = el("select", { onchange: () => this.set("against", this.base.value) });
    this.button = el("button", { type: "button", class: "mn-button", onclick: () => this.promotion.open(this.button) }, "Promote …");
    this.title = el("h3", { class: "mn-heading" });
    this.legend = el("div", { class: "mn-legend", role: "group", "aria-label": "Selected; press to hide or show in the charts" });
    this.tabs = TABS.map(([name, label]) =>
      el("button", { type: "button", role: "tab", id: this.id(name), onclick: () => this.open(name), onkeydown: (event) => this.tabbed(event) }, label),
    );
    this.panel = el("div", { class: "mn-panel", role: "tabpanel", id: this.id("panel") });
    this.foot = el("details", { class: "mn-same" });
    this.root.append(
      el("div", { class: "mn-bar" }, this.title, this.filter, this.count, el("label", { class: "mn-base" }, "Differences to ", this.base), this.button, this.news),
      this.table.node,
      this.foot,
      this.legend,
      el("div", { class: "mn-tabs", role: "tablist" }, this.tabs),
      this.panel,
      this.promotion.node,
    );
  }

  id(name) {
    this.own ??= `mn-${Math.random().toString(36).slice(2)}`;
    return `${this.own}-${name}`;
  }

  listen() {
    const model = this.model;
    const on = (name, listener) => {
      model.on(name, listener);
      this.undo.push(() => model.off(name, listener));
    };
    this.undo = [];
    on("change:board", () => {
      this.board = new Board(model.get("board"));
      this.filtered();
    });
    on("change:selected", () => this.redraw());
    on("change:details", () => this.redraw());
    on("change:against", () => this.redraw());
    on("msg:custom", (message) => this.promotion.answered(message));
    const watch = new ResizeObserver(([entry]) => {
      const width = Math.round(entry.contentRect.width);
      if (width && Math.abs(width - this.width) > 8) {
        this.width = width;
        this.drawBelow();
      }
    });
    watch.observe(this.root);
    this.undo.push(() => watch.disconnect());
  }

  end() {
    for (const undo of this.undo) undo();
  }

  // Without a kernel a value changes here alone.
  set(name, value) {
    this.model.set(name, value);
    try {
      this.model.save_changes();
    } catch {
      this.redraw();
    }
  }

  // Typing changes the rows, and of what is below them the parallel coordinates alone.
  filtered({ rows = false } = {}) {
    const fits = filterOf(this.board, this.filter.value);
    const all = this.board.items.map((_, at) => at);
    this.places = ordered(this.board, all.filter(fits), this.sort);
    this.count.textContent = `${this.places.length.toLocaleString()} of ${all.length.toLocaleString()}`;
    this.table.draw({ top: true, head: !rows });
    if (!rows || this.tab === "parallel") this.drawBelow();
  }

  // The first order of a metric puts its best first; then it turns round, then it goes.
  sorted(key) {
    const column = this.board.byKey.get(key);
    const first = column.group === "metric" ? column.direction !== "min" : column.type === "time";
    if (this.sort.key !== key) this.sort = { key, descending: first };
    else if (this.sort.descending === first) this.sort = { key, descending: !first };
    else this.sort = { key: "", descending: false };
    this.filtered();
  }

  toggle(id) {
    const selected = this.model.get("selected");
    if (selected.includes(id)) {
      this.set("selected", selected.filter((each) => each !== id));
    } else if (selected.length < MOST_SELECTED) {
      this.set("selected", [...selected, id]);
    } else {
      this.said(`At most ${MOST_SELECTED} are drawn: take one away first.`);
      this.table.draw();
    }
  }

  said(text) {
    this.news.textContent = text;
  }

  redraw() {
    this.table.draw();
    this.drawBelow();
  }

  open(name) {
    this.tab = name;
    this.drawBelow();
  }

  tabbed(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = TABS.findIndex(([name]) => name === this.tab);
    const next = (at + step + TABS.length) % TABS.length;
    this.open(TABS[next][0]);
    this.tabs[next].focus();
    event.preventDefault();
    event.stopPropagation();
  }

  below() {
    const { board, places, selected, details, against } = this.now();
    this.title.textContent = board.title + (board.notice ? ` (${board.notice})` : "");
    this.button.hidden = !board.items.some((item) => item.models.length);
    this.choices(board, selected, against);
    const named = selected
      .map((id, slot) => ({ id, slot, name: board.name(id, selected) }))
      .filter((each) => board.place.has(each.id));
    this.drawLegend(named);
    this.foot.hidden = !board.same.length;
    this.foot.replaceChildren(
      el("summary", {}, board.same.length === 1 ? "1 parameter is the same everywhere" : `${board.same.length} parameters are the same everywhere`),
      el("dl", {}, board.same.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    );
    TABS.forEach(([name], at) => {
      const open = name === this.tab;
      this.tabs[at].setAttribute("aria-selected", String(open));
      this.tabs[at].setAttribute("aria-controls", this.panel.id);
      this.tabs[at].tabIndex = open ? 0 : -1;
    });
    this.panel.setAttribute("aria-labelledby", this.id(this.tab));
    const shown = named.filter((each) => !this.hidden.has(each.id));
    const view = { board, places, details, shown, tip: this.tip, width: this.width };
    const draw = { curves: curvePanel, slices: slicePanel, parallel: parallelPanel }[this.tab];
    this.tip.hide();
    this.panel.replaceChildren(draw(view, this.states[this.tab], this.drawBelow));
  }

  choices(board, selected, against) {
    const ids = [...new Set([against, ...selected])].filter((id) => board.place.has(id));
    const options = [["", "none"], ...ids.map((id) => [id, board.name(id)])];
    this.base.replaceChildren(...options.map(([id, name]) => el("option", { value: id, selected: id === against }, name)));
  }

  drawLegend(named) {
    const held = [...this.legend.children].indexOf(document.activeElement);
    this.legend.replaceChildren(
      ...named.map(({ id, slot, name }) =>
        el(
          "button",
          {
            type: "button",
            class: "mn-key",
            title: id,
            "aria-pressed": String(!this.hidden.has(id)),
            onclick: () => {
              if (!this.hidden.delete(id)) this.hidden.add(id);
              this.drawBelow();
            },
          },
          swatch(slot),
          el("span", {}, name),
        ),
      ),
    );
    if (held >= 0) this.legend.children[held]?.focus({ preventScroll: true });
  }
}

function render({ model, el: place }) {
  const root = el("section", { class: "mn-widget", "aria-label": "comparison" });
  place.append(root);
  const view = new Comparison(model, root);
  return () => view.end();
}

export default { render };
