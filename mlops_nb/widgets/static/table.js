// The table: a grid of which only the rows in sight are in the page, so that thousands cost what thirty do.

const ROW = 30;
const BESIDE = 10;
const SHOWN = 12;

class Table {
  // `asks`: sort(key), toggle(id), and what is drawn: board, places, selected, details, against, sort.
  constructor(asks, tip) {
    this.asks = asks;
    this.tip = tip;
    this.active = 0;
    this.first = -1;
    this.body = el("tbody", { role: "rowgroup" });
    this.head = el("thead", { role: "rowgroup" });
    this.columns = el("colgroup");
    this.table = el("table", { role: "grid", "aria-multiselectable": "true" }, this.columns, this.head, this.body);
    this.node = el("div", { class: "mn-table", onscroll: () => this.scrolled() }, this.table);
    this.body.addEventListener("keydown", (event) => this.typed(event));
    this.body.addEventListener("click", (event) => this.clicked(event));
  }

  // Draw everything anew; `top` begins at the first row again.
  draw({ top = false, head = true } = {}) {
    const { board, places } = this.asks.now();
    if (this.board !== board) this.size(board);
    if (top) {
      this.node.scrollTop = 0;
      this.active = 0;
    }
    this.active = Math.max(0, Math.min(this.active, places.length - 1));
    this.table.setAttribute("aria-rowcount", String(places.length + 1));
    this.table.setAttribute("aria-label", board.title);
    if (head) this.drawHead();
    this.first = -1;
    this.drawRows();
  }

  size(board) {
    this.board = board;
    const widths = board.columns.map((column) => {
      const texts = board.items.map((_, at) => board.text(column, at).length + this.more(column, at));
      const widest = texts.reduce((one, other) => Math.max(one, other), 0);
      const head = Math.max(column.label.length + 3, column.group === "metric" ? 15 : 0);
      return Math.min(Math.max(widest + 1, head), column.group === "metric" ? 34 : 30);
    });
    const sum = widths.reduce((one, other) => one + other, 0);
    this.columns.replaceChildren(
      el("col", { style: "width:40px" }),
      ...widths.map((width) => el("col", { style: `width:calc(${width}ch + 20px)` })),
    );
    this.table.style.width = `calc(${sum}ch + ${widths.length * 20 + 40}px)`;
    this.node.style.maxHeight = `${ROW * SHOWN + 48}px`;
  }

  // Room for what stands beside a value: the aliases, the star, an interval or a difference.
  more(column, at) {
    if (column.key === "id") return this.board.aliasesOf(at).reduce((sum, alias) => sum + alias.length + 3, 0);
    return column.group === "metric" ? 11 : 0;
  }

  drawHead() {
    const { board, sort } = this.asks.now();
    const told = { max: "higher is better", min: "lower is better" };
    const cells = board.columns.map((column) => {
      const sorted = sort.key === column.key;
      const sign = sorted ? (sort.descending ? " ▼" : " ▲") : "";
      const about = column.group === "metric" ? told[column.direction] || "neither is better" : "";
      const why = about && (column.given ? `${about}, as told` : `${about}, as the name tells`);
      const button = el(
        "button",
        { type: "button", title: [column.label, why].filter(Boolean).join(": "), onclick: () => this.asks.sort(column.key) },
        el("span", { class: "mn-label" }, column.label),
        el("span", { class: "mn-sign", "aria-hidden": "true" }, sign),
      );
      return el(
        "th",
        {
          role: "columnheader",
          scope: "col",
          class: column.type === "number" ? "mn-right" : "mn-left",
          "aria-sort": sorted ? (sort.descending ? "descending" : "ascending") : "none",
        },
        button,
        el("span", { class: "mn-about" }, about || (column.group === "parameter" ? "parameter" : "\u00a0")),
      );
    });
    // The row is built anew: whoever sorts by keyboard goes on where the focus was.
    const buttons = [...this.head.querySelectorAll("button")];
    const focused = buttons.indexOf(document.activeElement);
    const corner = el("th", { role: "columnheader", scope: "col" }, el("span", { class: "mn-unseen" }, "selected"));
    this.head.replaceChildren(el("tr", { role: "row", "aria-rowindex": "1" }, corner, ...cells));
    if (focused >= 0) this.head.querySelectorAll("button")[focused]?.focus({ preventScroll: true });
  }

  scrolled() {
    this.tip.hide();
    this.drawRows();
  }

  drawRows() {
    const { places } = this.asks.now();
    const first = Math.max(0, Math.floor(this.node.scrollTop / ROW) - BESIDE);
    const last = Math.min(places.length, first + SHOWN + 2 * BESIDE);
    if (first === this.first && last === this.last) return;
    const held = this.body.contains(document.activeElement);
    [this.first, this.last] = [first, last];
    const space = (rows) => (rows > 0 ? [el("tr", { "aria-hidden": "true", style: `height:${rows * ROW}px` })] : []);
    const rows = [];
    for (let row = first; row < last; row += 1) rows.push(this.row(row, places[row]));
    if (!places.length) {
      const none = el("td", { colspan: this.board.columns.length + 1, class: "mn-none" }, "Nothing fits the filter.");
      rows.push(el("tr", { role: "row" }, none));
    }
    this.body.replaceChildren(...space(first), ...rows, ...space(places.length - last));
    if (held) this.body.querySelector('tr[tabindex="0"]')?.focus({ preventScroll: true });
  }

  row(row, at) {
    const { board, selected } = this.asks.now();
    const id = board.items[at].id;
    const slot = selected.indexOf(id);
    const box = el("input", {
      type: "checkbox",
      tabindex: "-1",
      checked: slot >= 0,
      "aria-label": `draw ${id}`,
      class: slot >= 0 ? `mn-box mn-slot-${slot}` : "mn-box",
    });
    const cells = board.columns.map((column) => this.cell(column, at));
    return el(
      "tr",
      {
        role: "row",
        "aria-rowindex": String(row + 2),
        "aria-selected": String(slot >= 0),
        tabindex: row === this.active ? "0" : "-1",
        "data-row": row,
        "data-id": id,
        class: slot >= 0 ? `mn-selected mn-slot-${slot}` : "",
      },
      el("td", { role: "gridcell", class: "mn-pick" }, box),
      ...cells,
    );
  }

  cell(column, at) {
    const { board } = this.asks.now();
    const text = board.text(column, at);
    const right = column.type === "number" ? "mn-right" : "mn-left";
    if (column.key === "id") {
      const badges = board.aliasesOf(at).map((alias) => el("span", { class: "mn-badge" }, alias));
      return el("th", { role: "rowheader", scope: "row", class: right, title: text }, text, ...badges);
    }
    if (column.group !== "metric") return el("td", { role: "gridcell", class: right, title: text }, text);
    const best = column.isBest.has(board.items[at].id);
    return el(
      "td",
      { role: "gridcell", class: `${right}${best ? " mn-best" : ""}` },
      best ? el("span", { class: "mn-star", role: "img", "aria-label": "best" }, BEST) : null,
      text,
      ...this.beside(column, at),
    );
  }

  // The difference to what differences are shown against, or else how sure the number is.
  beside(column, at) {
    const { board, details, against } = this.asks.now();
    const value = board.value(column.key, at);
    const base = board.place.get(against);
    if (value === null) return [];
    if (base !== undefined) {
      const before = board.value(column.key, base);
      if (base === at) return [el("span", { class: "mn-beside" }, "base")];
      if (before === null || !Number.isFinite(before)) return [];
      const apart = value - before;
      const better = column.direction === "min" ? apart < 0 : apart > 0;
      const way = apart === 0 || !column.direction ? "" : better ? "mn-better" : "mn-worse";
      const sign = way === "mn-better" ? "▲" : way === "mn-worse" ? "▼" : "";
      const told = `${apart > 0 ? "+" : apart < 0 ? "−" : "±"}${number(Math.abs(apart), 3)}`;
      const spoken = way ? (better ? "better" : "worse") : "";
      return [el("span", { class: `mn-beside ${way}`, title: `${told} ${spoken}` }, `${told}${sign ? ` ${sign}` : ""}`)];
    }
    const interval = details[board.items[at].id]?.intervals?.[column.key];
    if (!interval) return [];
    const [low, high, how] = interval;
    const title = `95 %: ${number(low, 4)} to ${number(high, 4)} (${how})`;
    return [el("span", { class: "mn-beside", title }, `±${number((high - low) / 2, 2)}`)];
  }

  clicked(event) {
    const row = event.target.closest("tr[data-id]");
    if (!row) return;
    // The grid decides what is checked; the browser's own idea comes a moment later.
    if (event.target.matches("input")) event.preventDefault();
    this.active = Number(row.dataset.row);
    setTimeout(() => {
      this.asks.toggle(row.dataset.id);
      this.focus();
    });
  }

  typed(event) {
    const { places } = this.asks.now();
    const page = SHOWN - 1;
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -places.length, End: places.length };
    if (event.key in moves) {
      this.active = Math.max(0, Math.min(places.length - 1, this.active + moves[event.key]));
      this.reveal();
    } else if (event.key === " " || event.key === "Enter") {
      const at = places[this.active];
      if (at !== undefined) this.asks.toggle(this.board.items[at].id);
      this.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  reveal() {
    const top = this.active * ROW;
    const seen = this.node.clientHeight - this.head.offsetHeight - ROW;
    if (top < this.node.scrollTop) this.node.scrollTop = top;
    else if (top > this.node.scrollTop + seen) this.node.scrollTop = top - seen;
    this.first = -1;
    this.drawRows();
    this.focus();
  }

  focus() {
    this.body.querySelector('tr[tabindex="0"]')?.focus({ preventScroll: true });
  }
}
