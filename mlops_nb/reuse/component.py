"""A step outside of its notebook, as a value: its code, and what it takes and gives.

`as_dict` is what a package holds, format 1. How it may change: a reader refuses a format that it does not know, and
keeps reading the old ones.
"""

from __future__ import annotations

import ast
import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError
from mlops_nb.steps import Parameter
from mlops_nb.steps.literals import from_json

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1


@dataclass(frozen=True)
class Port:
    """An input or an output: the variable's name, and its type by full name; empty when nobody knows it."""

    name: str
    type: str = ""

    def __str__(self) -> str:
        """Return it as an annotation shows it."""
        return f"{self.name}: {self.type}" if self.type else self.name


@dataclass(frozen=True)
class Piece:
    """Code to run: the text of a cell, or of the statements of a cell that define what the step needs, at their lines.

    `label` names the cell. An `own` piece is a cell of the step itself, any other is what the step stands on.
    """

    label: str
    source: str
    own: bool = False


@dataclass(frozen=True)
class Component:
    """A step that can be called.

    Attributes
    ----------
    name
        The step's name.
    origin
        The notebook's file name.
    doc
        What the text above the step says of it.
    inputs
        What the step reads of earlier steps, in the order in which it reads it.
    outputs
        What later steps read of it, and what its settings declare.
    parameters
        Those of the notebook's parameters that the step needs.
    pieces
        Its code, in the order in which it runs.
    imports
        The modules that the code imports, by dotted name.
    """

    name: str
    origin: str
    doc: str = ""
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    pieces: tuple[Piece, ...] = ()
    imports: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Identify what it does: code, inputs, outputs and parameters; not its comments or where its cells stand."""
        told = self.as_dict() | {"doc": "", "origin": "", "pieces": [_plain(piece.source) for piece in self.pieces]}
        told["parameters"] = [{**given, "cell": "", "line": 0, "help": ""} for given in told["parameters"]]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "format": FORMAT,
            **asdict(self),
            "parameters": [
                {key: value for key, value in parameter.as_dict().items() if key not in {"cell", "line"}}
                for parameter in self.parameters
            ],
        }

    @staticmethod
    def from_dict(given: Mapping[str, Any]) -> Component:
        """Return the component that `as_dict` wrote.

        Raises
        ------
        UsageError
            When a newer version wrote it.
        """
        if given.get("format") != FORMAT:
            message = (
                f"The step `{given.get('name')}` is in format {given.get('format')}; this mlops_nb reads {FORMAT}."
            )
            raise UsageError(message, hint="Install the mlops_nb that packaged it, or a newer one.")
        return Component(
            name=given["name"],
            origin=given["origin"],
            doc=given["doc"],
            inputs=tuple(Port(**port) for port in given["inputs"]),
            outputs=tuple(Port(**port) for port in given["outputs"]),
            parameters=tuple(
                Parameter(**{**told, "default": from_json(told["default"]), "cell": "", "line": 0})
                for told in given["parameters"]
            ),
            pieces=tuple(Piece(**piece) for piece in given["pieces"]),
            imports=tuple(given["imports"]),
        )


def _plain(source: str) -> str:
    return ast.unparse(ast.parse(source))
