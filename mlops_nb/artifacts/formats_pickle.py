"""Models as pickles: for what skops cannot hold, by explicit choice when they are written and again when they are read.

Reading a pickle runs whatever its writer put into it, and nothing about the file tells what. So it is read only when
the caller says so, and only when its content is in a store of ours, which names content by its SHA-256 and which only
our own runs write to. A pickle says less than skops about which packages it needs, and may not outlive them.
"""

from __future__ import annotations

import hashlib
import pickle
import pickletools
from typing import TYPE_CHECKING, Any, Literal

from mlops_nb.artifacts.formats import CannotStore, type_name

if TYPE_CHECKING:
    from mlops_nb.artifacts.store import ArtifactStore

Format = Literal["skops", "pickle", "cloudpickle"]
_PROTOCOL = 5
_ZIP = b"PK"


def is_pickle(data: bytes) -> bool:
    """Say whether a model's file is a pickle: skops files are zip archives."""
    return not data.startswith(_ZIP)


def dump_pickle(estimator: Any, kind: Format) -> bytes:
    """Return an estimator as a pickle; `cloudpickle` takes along what the notebook itself defines.

    Raises
    ------
    CannotStore
        When it cannot be pickled, or no other process could read it.
    """
    try:
        if kind == "cloudpickle":
            import cloudpickle

            data: bytes = cloudpickle.dumps(estimator, protocol=_PROTOCOL)
        else:
            data = pickle.dumps(estimator, protocol=_PROTOCOL)
    except Exception as error:  # whatever a part's own code raises
        message = f"{kind} cannot hold the `{type_name(estimator)}`: {type(error).__name__}: {error}."
        raise CannotStore(message, hint="Publish a model without that part.") from error
    if kind == "pickle" and _names_the_notebook(data):
        message = "The model holds something defined in the notebook: no other process could load its pickle."
        hint = 'Move the definition into a module beside the notebook and import it, or set `"format": "cloudpickle"`.'
        raise CannotStore(message, hint=hint)
    return data


def load_pickle(data: bytes) -> Any:
    """Return what a pickle holds; the caller has made sure that it is ours.

    Raises
    ------
    CannotStore
        When it cannot be read here.
    """
    try:
        return pickle.loads(data)  # noqa: S301 - a file of our own store, and the caller's explicit choice
    except Exception as error:  # code of any package runs
        message = f"The model's pickle cannot be read: {type(error).__name__}: {error}."
        raise CannotStore(message, hint="Compare the installed packages with those it was trained with.") from error


def is_ours(data: bytes, store: ArtifactStore | None) -> bool:
    """Say whether a store of ours has this very content."""
    return store is not None and store.has(hashlib.sha256(data).hexdigest())


def modules_of_pickle(data: bytes) -> set[str]:
    """Return the modules that a pickle imports when it is read; nothing of it is run."""
    found: set[str] = set()
    # A global is the last two texts that were pushed: module and name, each of them written out or recalled.
    texts: list[str] = []
    memo: dict[int, str] = {}
    text = ""
    for code, argument, _ in pickletools.genops(data):
        if code.name == "GLOBAL":
            found.add(str(argument).partition(" ")[0])
        elif code.name == "STACK_GLOBAL":
            found.add(texts[-2])
        elif code.name == "MEMOIZE" or code.name.endswith("PUT"):
            memo[len(memo) if argument is None else int(str(argument))] = text
            continue
        elif code.name.endswith("GET"):
            argument = memo[int(str(argument))]  # noqa: PLW2901 - what was recalled stands for it
        text = argument if isinstance(argument, str) else ""
        if text:
            texts.append(text)
    return found


def _names_the_notebook(data: bytes) -> bool:
    """Say whether a pickle refers to the module that the notebook's own definitions are in; nothing of it is run."""
    return any(argument == "__main__" for _, argument, _ in pickletools.genops(data))
