// What the kernel told, and how it reads: the board's columns, texts of cells, the filter, the order.

const MOST_SELECTED = 8;
const BEST = "★";

function number(value, digits = 6) {
  if (value === null || value === undefined) return "";
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value);
  const size = Math.abs(value);
  if (size >= 1e9 || size < 1e-5) return value.toExponential(Math.min(3, digits - 1));
  return String(Number(value.toPrecision(digits)));
}

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const [minutes, rest] = [Math.floor(seconds / 60), Math.round(seconds % 60)];
  return minutes < 90
    ? `${minutes}:${String(rest).padStart(2, "0")} min`
    : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")} h`;
}

// A board with what one view of it needs: places of items, texts for the filter.
class Board {
  constructor(told) {
    Object.assign(this, told);
    // Copies: what the kernel told is also what the notebook keeps.
    this.columns = told.columns.map((column) => ({ ...column, isBest: new Set(column.best || []) }));
    this.place = new Map(this.items.map((item, at) => [item.id, at]));
    this.byKey = new Map(this.columns.map((column) => [column.key, column]));
    this.searched = this.items.map((_, at) =>
      [...this.columns.map((column) => this.text(column, at)), ...this.aliasesOf(at)].join("\u0001").toLowerCase(),
    );
  }

  value(key, at) {
    return this.values[key][at];
  }

  text(column, at) {
    const value = this.values[column.key][at];
    if (value === null || value === undefined) return "";
    if (column.key === "seconds") return duration(value);
    if (column.type === "time") return value.slice(0, 16).replace("T", " ");
    return typeof value === "number" ? number(value) : String(value);
  }

  aliasesOf(at) {
    return this.items[at].models.flatMap(([model, version]) =>
      Object.entries(this.aliases[model] || {})
        .filter(([, pointsTo]) => pointsTo === version)
        .map(([alias]) => alias),
    );
  }

  // A short name, with the parameters that tell the selected apart.
  name(id, among = []) {
    const at = this.place.get(id);
    if (at === undefined) return id;
    const short = this.kind === "runs" ? id.slice(id.lastIndexOf("-") + 1) : id;
    const places = among.map((each) => this.place.get(each)).filter((each) => each !== undefined);
    const told = this.columns
      .filter((column) => column.group === "parameter")
      .filter((column) => new Set(places.map((each) => String(this.value(column.key, each)))).size > 1)
      .slice(0, 3)
      .map((column) => `${column.label} ${this.text(column, at) || "–"}`);
    const name = [short, ...told].join(" · ");
    return name.length > 64 ? `${name.slice(0, 63)}…` : name;
  }

  metrics() {
    return this.columns.filter((column) => column.group === "metric");
  }
}

const CONDITION = /^([^<>=!]+?)(<=|>=|!=|<|>|=)(.+)$/;
const COMPARE = {
  "<": (one, other) => one < other,
  ">": (one, other) => one > other,
  "<=": (one, other) => one <= other,
  ">=": (one, other) => one >= other,
  "=": (one, other) => one === other,
  "!=": (one, other) => one !== other,
};

// `text` is in some cell; `roc_auc > 0.9` holds. All words must; nothing is evaluated.
function filterOf(board, text) {
  const joined = text.trim().toLowerCase().replace(/\s*(<=|>=|!=|<|>|=)\s*/g, "$1");
  const tests = joined
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => {
      const found = CONDITION.exec(word);
      const column = found && board.columns.find((each) => each.label.toLowerCase() === found[1]);
      if (!column) return (at) => board.searched[at].includes(word);
      const [wanted, compare] = [Number(found[3]), COMPARE[found[2]]];
      if (column.type === "number" && !Number.isNaN(wanted)) {
        return (at) => board.value(column.key, at) !== null && compare(board.value(column.key, at), wanted);
      }
      return (at) => compare(board.text(column, at).toLowerCase(), found[3]);
    });
  return (at) => tests.every((test) => test(at));
}

// What is not there stands at the end, whichever way the order goes.
function ordered(board, places, { key, descending }) {
  if (!key) return places;
  const column = board.byKey.get(key);
  const values = board.values[key];
  const sign = descending ? -1 : 1;
  const compare = new Intl.Collator(undefined, { numeric: true }).compare;
  return [...places].sort((one, other) => {
    const [a, b] = [values[one], values[other]];
    if (a === null || b === null) return (a === null) - (b === null) || one - other;
    const apart = column.type === "number" ? a - b : compare(String(a), String(b));
    return sign * apart || one - other;
  });
}
