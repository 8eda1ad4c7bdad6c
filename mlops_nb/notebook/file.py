"""Read and write .ipynb files, whole or not at all."""

from __future__ import annotations

import json
import os
import re
from copy import deepcopy
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError
from mlops_nb.notebook.cells import Cell, Notebook
from mlops_nb.notebook.imports import import_nbformat

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTINGS_KEY = "mlops_nb"
_INDENT = re.compile(r"\{\n([ \t]+)\"")
_CURRENT = 4


class NotebookError(UsageError):
    """The file is not a notebook that can be read."""

    code = "notebook"


def read_notebook(path: Path | str) -> Notebook:
    """Read a notebook of any nbformat; a file older than nbformat 4 is converted in memory only.

    Raises
    ------
    NotebookError
        When the file is missing, cannot be read, is not JSON, or is not a notebook.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        nearby = sorted(p.name for p in path.parent.glob("*.ipynb")) if path.parent.is_dir() else []
        hint = f"Notebooks in {path.parent}: {', '.join(nearby)}." if nearby else "Check the path."
        message = f"There is no notebook {path}."
        raise NotebookError(message, hint=hint) from None
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path} cannot be read: {error}."
        raise NotebookError(message, hint="Check that it is a notebook file you may read.") from error
    return parse_notebook(text, path)


def parse_notebook(text: str, path: Path) -> Notebook:
    """Return the notebook that `text` (the content of an .ipynb file) holds; `path` is only its name."""
    try:
        document: Any = json.loads(text)
    except ValueError as error:
        message = f"{path} is not a notebook: it is not valid JSON ({error})."
        hint = "A half-written file or a merge conflict looks like this; restore it from version control."
        raise NotebookError(message, hint=hint) from error
    if not isinstance(document, dict) or not isinstance(document.get("nbformat"), int):
        message = f"{path} is not a notebook: it has no `nbformat`."
        raise NotebookError(message, hint="Save it from JupyterLab.")
    written = (document["nbformat"], int(document.get("nbformat_minor", 0)))
    if written[0] > _CURRENT:
        message = f"{path} is in notebook format {written[0]}, and {_CURRENT} is the newest this version reads."
        raise NotebookError(message, hint="Save it as nbformat 4.")
    if written[0] < _CURRENT:
        document = _upgraded(document, path)
    cells = document.get("cells")
    if not isinstance(cells, list):
        message = f"{path} is not a notebook: it has no list of cells."
        raise NotebookError(message, hint="Save it from JupyterLab.")
    metadata = _mapping(document.get("metadata"))
    kernelspec = _mapping(metadata.get("kernelspec"))
    language = _mapping(metadata.get("language_info")).get("name") or kernelspec.get("language") or "python"
    return Notebook(
        path=path,
        cells=tuple(_cell(raw, index, path) for index, raw in enumerate(cells)),
        language=str(language).lower(),
        kernel_name=str(kernelspec.get("name", "python3")),
        nbformat=written,
        document=document,
    )


def _cell(raw: Any, index: int, path: Path) -> Cell:
    if not isinstance(raw, dict) or "cell_type" not in raw:
        message = f"{path}: cell {index + 1} is not a cell."
        raise NotebookError(message, hint="Save the notebook again from JupyterLab.")
    source = raw.get("source", "")
    metadata = _mapping(raw.get("metadata"))
    tags = metadata.get("tags", [])
    settings = metadata.get(SETTINGS_KEY, {})
    return Cell(
        id=str(raw.get("id", f"cell-{index + 1}")),
        index=index,
        kind=str(raw["cell_type"]),
        source="".join(source) if isinstance(source, list) else str(source),
        tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (str(tags),),
        settings=settings if isinstance(settings, dict) else {"": settings},
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    """Return what should be a mapping as one; whatever else is there says nothing."""
    return value if isinstance(value, dict) else {}


def write_notebook(document: Mapping[str, Any], path: Path) -> None:
    """Write a notebook document, validated, beside its place and then moved onto it.

    Raises
    ------
    NotebookError
        When the document is not a valid notebook; nothing is written then.
    OSError
        When the folder cannot be written; an existing file is left as it was.
    """
    write_text(path, import_nbformat().writes(_validated(document, path)) + "\n")


def rewrite_notebook(document: Mapping[str, Any], path: Path) -> None:
    """Write an edited document over its file so that what was not edited stays byte for byte as it is.

    A file that no writer of JSON lays out so is written as JupyterLab would.

    Raises
    ------
    NotebookError
        When the document is not a valid notebook; nothing is written then.
    OSError
        When the folder cannot be written; the file is left as it was.
    """
    with path.open(encoding="utf-8", newline="") as file:
        dumped = _as_laid_out(document, file.read())
    if dumped is None:
        write_notebook(document, path)
        return
    _validated(document, path)
    write_text(path, dumped)


def _validated(document: Mapping[str, Any], path: Path) -> Any:
    nbformat = import_nbformat()
    node = nbformat.from_dict(deepcopy(dict(document)))
    try:
        nbformat.validate(node)
    except nbformat.ValidationError as error:
        message = f"{path} was not written: {error.message}"
        raise NotebookError(message, hint="This is a fault of mlops_nb; please report it.") from error
    return node


def _as_laid_out(document: Mapping[str, Any], text: str) -> str | None:
    """Return a document's JSON in the layout of `text`: its indent, escapes, line ends; None when that is no JSON's."""
    end = "\r\n" if "\r\n" in text else "\n"
    bare = text.replace("\r\n", "\n")
    body = bare.rstrip()
    indent = _INDENT.match(body)
    written = json.loads(body)
    for escapes in (False, True):
        for separators in ((",", ": "),) if indent else ((", ", ": "), (",", ":")):
            layout: dict[str, Any] = {
                "indent": indent and indent[1],
                "ensure_ascii": escapes,
                "separators": separators,
            }
            if json.dumps(written, **layout) == body:
                return (json.dumps(document, **layout) + bare[len(body) :]).replace("\n", end)
    return None


def write_text(path: Path, text: str) -> None:
    """Write `text` so that `path` is at every moment either the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False) as aside:
        try:
            aside.write(text)
            aside.flush()
            os.fsync(aside.fileno())
            # A temporary file is private (0600); what takes its place keeps the rights the old file had.
            mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
            Path(aside.name).chmod(mode)
            Path(aside.name).replace(path)
        except BaseException:
            Path(aside.name).unlink(missing_ok=True)
            raise


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def new_document(cells: list[dict[str, Any]], like: Notebook) -> dict[str, Any]:
    """Return a notebook document of these cells with the kernel and language of another notebook."""
    return {
        "cells": cells,
        "metadata": {
            key: deepcopy(value)
            for key, value in like.document.get("metadata", {}).items()
            if key in {"kernelspec", "language_info"}
        },
        "nbformat": _CURRENT,
        "nbformat_minor": 5,
    }


def code_cell(
    source: str, cell_id: str, *, tags: tuple[str, ...] = (), metadata: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the JSON of a code cell that has not run."""
    return {
        "cell_type": "code",
        "id": cell_id,
        "metadata": {**(metadata or {}), **({"tags": list(tags)} if tags else {})},
        "execution_count": None,
        "outputs": [],
        "source": source,
    }


def markdown_cell(source: str, cell_id: str) -> dict[str, Any]:
    """Return the JSON of a markdown cell."""
    return {"cell_type": "markdown", "id": cell_id, "metadata": {}, "source": source}


def _upgraded(document: dict[str, Any], path: Path) -> dict[str, Any]:
    nbformat = import_nbformat()
    try:
        upgraded: dict[str, Any] = json.loads(json.dumps(nbformat.convert(nbformat.from_dict(document), _CURRENT)))
    except Exception as error:
        message = f"{path} is in notebook format {document['nbformat']} and cannot be converted ({error})."
        raise NotebookError(message, hint=f"Run `jupyter nbconvert --to notebook --inplace {path}`.") from error
    else:
        return upgraded
