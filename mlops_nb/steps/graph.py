"""The steps of a notebook, in its order, and the edges between them.

1. Tags say which cells belong together. Cells in a row of one step are one `Step`; a step that is continued after
   another one runs in parts (`train`, `train.2`), because moving its cells together would change the notebook.
2. What stands before the first step is the step `prelude`: imports, functions, parameters. It runs once, and what it
   defines travels like anything else. Prelude cells that *do* something (set a plot style, load an extension) are
   replayed in each later step, since nobody can carry every effect.
3. Each step's flow is read from its text; an edge goes from the last step that may have written a name to each step
   that may read it, and from every step named by `prev:`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlops_nb.notebook import (
    LEFT_OUT,
    PRELUDE,
    Cell,
    CellTags,
    Diagnostic,
    Notebook,
    Role,
    StepSettings,
    at,
    read_settings,
    read_tags,
)
from mlops_nb.steps.bound import binding_functions, bindings, calls_binding, identities, not_done_again
from mlops_nb.steps.checks import check_file, check_names, check_outputs, check_prev
from mlops_nb.steps.edges import edges_of
from mlops_nb.steps.flow import Flow, Place
from mlops_nb.steps.functions import classes_of, functions_of
from mlops_nb.steps.names import read_flow
from mlops_nb.steps.once import does_more, once
from mlops_nb.steps.own_code import star_names
from mlops_nb.steps.parameters import Parameter, read_parameters
from mlops_nb.steps.patches import changed_in_place, patched, setting
from mlops_nb.steps.step import BUILTINS, Edge, Step
from mlops_nb.steps.texts import variables_read
from mlops_nb.steps.typed import asks_for_text, typed_so_far

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PRELUDE_STEP = "prelude"


@dataclass(frozen=True)
class StepGraph:
    """A notebook read as steps: the steps in the notebook's order, their edges, and what is wrong."""

    notebook: Notebook
    steps: tuple[Step, ...]
    edges: tuple[Edge, ...]
    parameters: tuple[Parameter, ...]
    diagnostics: tuple[Diagnostic, ...]
    tests: tuple[Cell, ...] = ()

    def step(self, name: str) -> Step:
        """Return the step of that name; `KeyError` when there is none."""
        return next(step for step in self.steps if step.name == name)

    def kernels(self) -> dict[str, str]:
        """Return, for each step that must share a kernel, the first step of that kernel.

        A step that binds its process shares it with every later one, a step that asks for identity with every
        earlier one.
        """
        last_asking = max((position for position, step in enumerate(self.steps) if step.asks), default=-1)
        first_binding = next((position for position, step in enumerate(self.steps) if step.binds), len(self.steps))
        shared = (
            dict.fromkeys((step.name for step in self.steps[: last_asking + 1]), self.steps[0].name)
            if (last_asking > 0)
            else {}
        )
        if first_binding < len(self.steps) - 1:
            first = shared.get(self.steps[first_binding].name, self.steps[first_binding].name)
            shared |= dict.fromkeys((step.name for step in self.steps[first_binding:]), first)
        return shared

    def upstream(self, name: str) -> tuple[str, ...]:
        """Return the names of the steps with an edge to this one, in the notebook's order."""
        return tuple(dict.fromkeys(edge.source for edge in self.edges if edge.target == name))


def read_steps(
    notebook: Notebook,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    own_code: Mapping[str, str] | None = None,
) -> StepGraph:
    """Read a notebook's steps; every problem comes back as a diagnostic, none is raised.

    Parameters
    ----------
    notebook
        The notebook.
    overrides
        Settings by step name that win over the cells' own (the pipeline's settings file), validated before.
    own_code
        What the project's own modules do to the process (`binding_code`).
    """
    found: list[Diagnostic] = check_file(notebook)
    if notebook.language not in {"python", "ipython"}:
        return StepGraph(notebook, (), (), (), tuple(found))
    tagged: list[tuple[Cell, CellTags]] = []
    for cell in notebook.code_cells:
        tags, wrong = read_tags(cell)
        tagged.append((cell, tags))
        found += wrong
    parts, left_out, notes = _parts(tagged)
    found += notes
    if notebook.code_cells and not any(part.tag != PRELUDE_STEP for part in parts):
        message = f"{notebook.path.name}: no cell is tagged as a step."
        fix = f"Tag the first cell of each step `step:NAME`, or let `mlops-nb suggest {notebook.path}` propose tags."
        found.append(Diagnostic("MN003", message, fix=fix))
    flows, wrong = _flows([cell for part in parts for cell in part.cells])
    found += wrong
    parameters, wrong = read_parameters(
        [
            cell
            for part in parts
            for cell, tags in zip(part.cells, part.tags, strict=True)
            if tags.role is Role.PARAMETERS
        ]
    )
    found += wrong
    steps, wrong = _steps(parts, flows, overrides or {}, _numbers(notebook), own_code or {})
    found += wrong
    edges = edges_of(steps)
    found += check_names(steps, left_out)
    found += check_prev(steps, tagged)
    found += check_outputs(steps)
    order = {cell.id: cell.index for cell in notebook.cells}
    found.sort(key=lambda item: (order.get(item.cell or "", -1), item.line or 0, item.code))
    tests = tuple(cell for cell, tags in tagged if tags.role is Role.TEST)
    return StepGraph(notebook, tuple(steps), tuple(edges), parameters, tuple(dict.fromkeys(found)), tests)


def _numbers(notebook: Notebook) -> dict[str, int]:
    """Return each code cell's number as Restart-and-Run-All counts: blank cells do not count, left-out ones do."""
    numbers: dict[str, int] = {}
    number = 1
    for cell in notebook.code_cells:
        numbers[cell.id] = number
        number += bool(cell.source.strip())
    return numbers


@dataclass
class _Part:
    tag: str
    name: str
    cells: list[Cell] = field(default_factory=list)
    tags: list[CellTags] = field(default_factory=list)


def _parts(tagged: Sequence[tuple[Cell, CellTags]]) -> tuple[list[_Part], list[Cell], list[Diagnostic]]:
    """Cut the notebook into runs of cells, in its order."""
    found: list[Diagnostic] = []
    parts: list[_Part] = []
    left_out: list[Cell] = []
    counts: dict[str, int] = {}
    for cell, tags in tagged:
        if tags.role in LEFT_OUT:
            left_out.append(cell)
            continue
        if tags.step is not None and (not parts or parts[-1].tag != tags.step):
            counts[tags.step] = counts.get(tags.step, 0) + 1
            number = counts[tags.step]
            if number > 1:
                message = (
                    f"{cell.label} continues step `{tags.step}` after step `{parts[-1].tag}`; it runs as its own "
                    f"part `{tags.step}.{number}`, because the notebook runs it there."
                )
                found.append(at(cell, "MN106", message, fix="Nothing to do.", step=tags.step))
            parts.append(_Part(tags.step, tags.step if number == 1 else f"{tags.step}.{number}"))
        elif not parts:
            parts.append(_Part(PRELUDE_STEP, PRELUDE_STEP))
        if parts[-1].tag == PRELUDE_STEP and tags.role is Role.CONTINUES and cell.source.strip():
            message = f"{cell.label} stands before the first step and runs with the imports."
            found.append(at(cell, "MN108", message, fix="Tag it `step:NAME`, `imports`, `functions` or `skip`."))
        parts[-1].cells.append(cell)
        parts[-1].tags.append(tags)
    return parts, left_out, found


def _flows(cells: Iterable[Cell]) -> tuple[dict[str, Flow], list[Diagnostic]]:
    cells = list(cells)
    bound = {cell.id: read_flow(cell)[0].defines.keys() for cell in cells}
    binders = Counter(name for names in bound.values() for name in names)
    everywhere = frozenset(binders)
    flows: dict[str, Flow] = {}
    found: list[Diagnostic] = []
    aliases: dict[str, str] = {}
    for cell in cells:
        # What other cells bind counts as a variable here, a builtin's name too; what they imported is known.
        elsewhere = everywhere - {name for name in bound[cell.id] if binders[name] == 1}
        postponed = "__future__:annotations" in aliases.values()
        flows[cell.id], wrong = read_flow(cell, elsewhere, aliases=aliases, postponed_annotations=postponed)
        found += wrong
        aliases |= flows[cell.id].aliases
    return flows, found


def _with_carried(flow: Flow, before: Flow) -> Flow:
    """Return the flow charged with what functions and objects of earlier cells do when this code uses them."""
    if not before.bodies:
        return flow
    used: set[str] = set()
    waiting = [*flow.uses, *flow.deferred]
    while waiting:
        name = waiting.pop()
        if name not in used:
            used.add(name)
            waiting += [*before.calls.get(name, ()), *before.holds.get(name, ())]
    bodies = [before.bodies[name] for name in sorted(used & before.bodies.keys())]
    if not bodies:
        return flow
    carried = Flow.sequence(bodies)
    return replace(
        flow,
        deferred={**carried.deferred, **carried.uses, **flow.deferred},
        defines={**carried.defines, **flow.defines},
        deletes={**carried.deletes, **flow.deletes},
        may_change={**carried.may_change, **flow.may_change},
        reads_files=tuple(dict.fromkeys((*flow.reads_files, *carried.reads_files))),
        writes_files=tuple(dict.fromkeys((*flow.writes_files, *carried.writes_files))),
        barrier=(*flow.barrier, *carried.barrier),
        ambient={**carried.ambient, **flow.ambient},
        strings=flow.strings | carried.strings,
    )


def _steps(
    parts: list[_Part],
    flows: dict[str, Flow],
    overrides: Mapping[str, Mapping[str, Any]],
    numbers: Mapping[str, int],
    own_code: Mapping[str, str],
) -> tuple[list[Step], list[Diagnostic]]:
    found: list[Diagnostic] = []
    steps: list[Step] = []
    replay: list[Cell] = []
    of_prelude: set[str] = set()
    settings: dict[str, StepSettings] = {}
    for tag in dict.fromkeys(part.tag for part in parts):
        own = [
            (cell, tags) for part in parts if part.tag == tag for cell, tags in zip(part.cells, part.tags, strict=True)
        ]
        kale = [(cell, key, value) for cell, tags in own for key, value in tags.kale]
        settings[tag], wrong = read_settings(tag, [cell for cell, _ in own], kale, overrides.get(tag))
        found += wrong
    last_part = {part.tag: part.name for part in parts}
    so_far = Flow()
    patches: tuple[str, ...] = ()
    aliases = {name: held for flow in flows.values() for name, held in flow.aliases.items()}
    tagged = [cell for part in parts for cell, tags in zip(part.cells, part.tags, strict=True) if tags.role in PRELUDE]
    in_prelude = functions_of(tagged)
    of_modules = aliases | star_names([star for flow in flows.values() for star in flow.stars], own_code)
    binding = binding_functions(in_prelude | classes_of(tagged), of_modules, own_code)
    done_once = {cell.id: places for cell in tagged if (places := once(cell, aliases, in_prelude))}
    functions = setting(functions_of(cell for part in parts for cell in part.cells))
    # What writes files that the text names is not replayed either.
    unreplayed = {cell.id for cell in tagged if cell.id in done_once or flows[cell.id].writes_files}
    # What another tagged prelude cell does to the process is done again in every step.
    replayed = {cell.id for cell in tagged} - unreplayed
    history = any("history" in flow.ambient for flow in flows.values())
    said: list[Cell] = []
    text_counts = history or asks_for_text(cell for part in parts for cell in part.cells)
    for part in parts:
        said += part.cells
        patches = tuple(dict.fromkeys((*patches, *patched(part.cells, functions))))
        own_flow = Flow.sequence(flows[cell.id] for cell in part.cells)
        flow = _with_carried(own_flow, so_far)
        so_far = Flow.sequence((so_far, own_flow))
        given = settings[part.tag]
        if last_part[part.tag] != part.name:
            # Declared outputs are what the step leaves behind: its last part publishes them, and a person judges that.
            given = replace(given, outputs=(), pause=False)
        steps.append(
            Step(
                name=part.name,
                tag=part.tag,
                cells=tuple(part.cells),
                flow=flow,
                prev=tuple(dict.fromkeys(name for tags in part.tags for name in tags.prev)),
                settings=given,
                replay=tuple(replay),
                metrics=_metrics(part, flows),
                has_parameters=any(tags.role is Role.PARAMETERS for tags in part.tags),
                patches=patches,
                changes=changed_in_place((cell for cell in part.cells if cell.id not in replayed), aliases),
                history=history,
                binds=tuple(
                    place
                    for cell in part.cells
                    for place in (
                        *bindings(cell, of_modules, own_code),
                        *calls_binding(cell, binding),
                        *(
                            _more_than(done_once.get(cell.id, ()), cell, flows[cell.id])
                            if cell.id in unreplayed
                            else ()
                        ),
                    )
                    if cell.id not in replayed or not_done_again(place.what)
                ),
                asks=identities(part.cells, aliases, (*own_flow.uses, *own_flow.deferred), said[: -len(part.cells)]),
                number=numbers[part.cells[0].id],
                variables=variables_read(part.cells),
                kale=tuple(pair for tags in part.tags for pair in tags.kale),
                typed=typed_so_far(said) if text_counts else "",
            )
        )
        for cell, tags in zip(part.cells, part.tags, strict=True):
            cell_flow = flows[cell.id]
            if tags.role in PRELUDE or part.tag == PRELUDE_STEP:
                needs = {name for name in (*cell_flow.uses, *cell_flow.deferred) if name not in BUILTINS}
                if (
                    tags.role in PRELUDE
                    and cell_flow.effects
                    and not cell_flow.writes_files
                    and cell.id not in done_once
                    and needs <= of_prelude | set(cell_flow.defines)
                ):
                    replay.append(cell)
                if tags.role in PRELUDE and not cell_flow.effects:
                    # What it imports or defines must be there for the effects of later prelude cells.
                    replay.append(cell)
                of_prelude |= set(cell_flow.defines)
    return [replace(step, replay=_effective(step.replay, flows)) for step in steps], found


def _more_than(places: tuple[Place, ...], cell: Cell, flow: Flow) -> tuple[Place, ...]:
    """Return where a prelude cell that is not replayed acts, if it also does what nobody may be able to carry."""
    return (places or flow.effects[:1]) if does_more(cell, places) else ()


def _effective(replay: tuple[Cell, ...], flows: dict[str, Flow]) -> tuple[Cell, ...]:
    """Return the cells with effects, and of the others those that define what the effects use."""
    if not any(flows[cell.id].effects for cell in replay):
        return ()
    wanted: set[str] = set()
    kept: list[Cell] = []
    for cell in reversed(replay):
        flow = flows[cell.id]
        if flow.effects or wanted & set(flow.defines):
            kept.append(cell)
            wanted |= {*flow.uses, *flow.deferred}
    return tuple(reversed(kept))


def _metrics(part: _Part, flows: dict[str, Flow]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for cell, tags in zip(part.cells, part.tags, strict=True):
        if tags.role is Role.METRICS:
            flow = flows[cell.id]
            names |= dict.fromkeys(name for name in (*flow.uses, *flow.defines) if name not in BUILTINS)
    return tuple(names)
