"""One ordinary notebook, its cells tagged as steps, run as a recorded and reproducible pipeline."""

from __future__ import annotations

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    # importlib.metadata costs 10 ms that a command's start-up does not have to pay.
    if name == "__version__":
        from importlib.metadata import version

        return version("mlops_nb")
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
