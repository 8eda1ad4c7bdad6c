// Promoting: the dialog asks the kernel what would change, shows it, and sends only a yes and a reason.

const PATIENCE = 15000;

class Promotion {
  constructor(model, now) {
    this.model = model;
    this.now = now;
    this.changes = el("div", { class: "mn-changes", role: "status", "aria-live": "polite" });
    this.version = el("select", { onchange: () => this.propose() });
    this.alias = el("select", { onchange: () => this.propose() });
    this.why = el("input", { type: "text", placeholder: "kept by the registry", oninput: () => this.allow() });
    this.yes = el("button", { type: "submit", class: "mn-button mn-accept", disabled: true }, "Promote");
    const no = el("button", { type: "button", class: "mn-button", onclick: () => this.node.close() }, "Cancel");
    const form = el(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          this.promote();
        },
      },
      el("h3", {}, "Promote a model version"),
      el("label", {}, el("span", {}, "Version"), this.version),
      el("label", {}, el("span", {}, "Alias"), this.alias),
      el("label", {}, el("span", {}, "Reason"), this.why),
      this.changes,
      el("div", { class: "mn-buttons" }, no, this.yes),
    );
    this.node = el("dialog", { class: "mn-dialog", "aria-label": "Promote a model version" }, form);
    this.node.addEventListener("close", () => this.opener?.focus());
  }

  // The versions among the selected first, then those of all other rows.
  open(opener) {
    this.opener = opener;
    const { board, selected } = this.now();
    const places = [...selected.map((id) => board.place.get(id)), ...board.items.keys()].filter((at) => at !== undefined);
    const versions = new Map();
    for (const at of places) {
      for (const made of board.items[at].models) {
        const name = made.join("@");
        const from = board.kind === "runs" ? ` (run ${board.name(board.items[at].id, selected)})` : "";
        if (!versions.has(name)) versions.set(name, `${name}${from}`);
      }
    }
    this.version.replaceChildren(...[...versions].map(([name, told]) => el("option", { value: name }, told)));
    const known = Object.values(board.aliases).flatMap((aliases) => Object.keys(aliases));
    const aliases = [...new Set(["champion", "challenger", "candidate", ...known.filter((name) => name !== "previous")])];
    this.alias.replaceChildren(...aliases.map((name) => el("option", { value: name }, name)));
    this.why.value = "";
    this.node.showModal();
    this.propose();
  }

  propose() {
    const at = this.version.value.lastIndexOf("@");
    const [model, version] = [this.version.value.slice(0, at), Number(this.version.value.slice(at + 1))];
    this.ready = false;
    this.allow();
    this.tell("Asking the kernel what would change …");
    this.send({ type: "propose", model, version, alias: this.alias.value });
  }

  promote() {
    this.ready = false;
    this.allow();
    this.send({ type: "promote", why: this.why.value });
  }

  send(message) {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.tell("No kernel answers: run the cell again, and promote then.", "mn-error"), PATIENCE);
    try {
      this.model.send(message);
    } catch {
      clearTimeout(this.waiting);
      this.tell("There is no kernel: run the cell again, and promote then.", "mn-error");
    }
  }

  answered(message) {
    clearTimeout(this.waiting);
    if (message.type === "error") this.tell([message.message, message.hint].filter(Boolean).join(" "), "mn-error");
    if (message.type === "proposal") {
      const version = (number) => (number === null ? "nothing" : `version ${number}`);
      const lines = message.moves.map(({ alias, before, after }) =>
        el("li", {}, el("b", {}, alias), ` of ${message.model} moves from ${version(before)} to ${version(after)}`),
      );
      this.changes.className = "mn-changes";
      this.changes.replaceChildren(el("ul", {}, lines));
      this.ready = true;
      this.allow();
    }
    if (message.type === "promoted") {
      const moved = message.moves.filter(([, version]) => version !== null);
      const told = moved.map(([alias, version]) => `${alias} is version ${version}`).join(", ");
      this.done?.(`${message.model}: ${told}.`);
      this.node.close();
    }
  }

  allow() {
    this.yes.disabled = !this.ready || !this.why.value.trim();
  }

  tell(text, kind = "") {
    this.changes.className = `mn-changes ${kind}`;
    this.changes.replaceChildren(text);
  }
}
