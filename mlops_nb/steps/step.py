"""A step, and an edge between two steps, as values."""

from __future__ import annotations

import builtins
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_nb.notebook import StepSettings

if TYPE_CHECKING:
    from mlops_nb.notebook import Cell
    from mlops_nb.steps.flow import Flow, Place

# Names that are there without anybody defining them.
BUILTINS = frozenset(dir(builtins)) | {
    "get_ipython",
    "display",
    "exit",
    "quit",
    "In",
    "Out",
    "__name__",
    "__builtins__",
}


@dataclass(frozen=True)
class Step:
    """A group of tagged cells in a row: one task of the pipeline.

    `tag` is the name on the tags, `name` that of this part (`train`, then `train.2`). `replay` are the prelude cells
    whose effects must be there before the step's own cells run. `patches` are the attributes of imported things that
    the notebook has set up to here, `changes` the imported things that the step changes in place, `history` says
    whether any step reads `_`, `In` or `Out`, `number` is the execution count of the first cell. `variables` are the
    environment variables that it reads by name. `binds` and `asks` are where the step ties itself to one process (see
    `bound`). `typed` stands for all that the notebook's cells say up to the step's end, comments included; it is empty
    where no code of the notebook asks for text.
    """

    name: str
    tag: str
    cells: tuple[Cell, ...]
    flow: Flow
    prev: tuple[str, ...] = ()
    settings: StepSettings = field(default_factory=StepSettings)
    replay: tuple[Cell, ...] = ()
    metrics: tuple[str, ...] = ()
    has_parameters: bool = False
    patches: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    history: bool = False
    binds: tuple[Place, ...] = ()
    asks: tuple[Place, ...] = ()
    number: int = 0
    variables: tuple[str, ...] = ()
    kale: tuple[tuple[str, str], ...] = ()
    typed: str = ""

    @property
    def reads(self) -> frozenset[str]:
        """Names the step may read from outside, those inside strings and function bodies included.

        What it deletes is among them: that a name is gone shows only where it was there before. So is what publishing
        its outputs reads beside them.
        """
        flow = self.flow
        published = {name for output in self.settings.outputs for name in output.inputs}
        return frozenset({*flow.uses, *flow.deferred, *flow.strings, *flow.may_change, *flow.deletes, *published})

    @property
    def computes_with(self) -> frozenset[str]:
        """Names from outside that the code itself reads, strings and what its settings name left out."""
        return frozenset({*self.flow.uses, *self.flow.deferred, *self.flow.may_change})

    @property
    def writes(self) -> frozenset[str]:
        """Names whose binding or content the step may change."""
        return frozenset({*self.flow.defines, *self.flow.deletes, *self.flow.may_change})

    def last_naming(self, name: str) -> Cell:
        """Return the last cell whose text has this name (one of them, where it is several); the last one otherwise."""
        names = "|".join(re.findall(r"\w+", name))
        naming = [cell for cell in self.cells if re.search(rf"\b({names})\b", cell.source)]
        return (naming or list(self.cells))[-1]


@dataclass(frozen=True)
class Edge:
    """`target` needs what `source` may have written; `variables` is empty for an edge that only `prev:` asks for."""

    source: str
    target: str
    variables: tuple[str, ...]
