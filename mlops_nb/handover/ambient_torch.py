"""The state of PyTorch that code reads without naming it: its random stream and its settings."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops_nb.handover.ambient import Baseline


def read_stream(_: Baseline) -> Any:
    """Return the state of the global random stream, and of those of the devices that are in use."""
    torch = sys.modules["torch"]
    if not hasattr(torch, "get_rng_state"):
        # Somebody's stand-in for it.
        return None
    state = {"cpu": torch.get_rng_state().numpy().tobytes(), "cuda": []}
    if torch.cuda.is_initialized():
        state["cuda"] = [each.numpy().tobytes() for each in torch.cuda.get_rng_state_all()]
    return state


def write_stream(value: Any, baseline: Baseline) -> None:
    """Set the streams; that of a device which is not in use yet begins at the seed."""
    torch = sys.modules["torch"]
    if read_stream(baseline) == value:
        # The seed of a device that is not in use waits in a queue, where it would take the place of the notebook's.
        return

    def tensor(state: bytes) -> Any:
        return torch.frombuffer(bytearray(state), dtype=torch.uint8)

    torch.set_rng_state(tensor(value["cpu"]))
    if value["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([tensor(each) for each in value["cuda"]])
    elif torch.backends.cuda.is_built():
        torch.cuda.manual_seed_all(torch.initial_seed())


def read_settings(_: Baseline) -> Any:
    """Return the settings that differ from PyTorch's own."""
    torch = sys.modules["torch"]
    if not hasattr(torch, "is_grad_enabled"):
        return None
    found = {
        "gradients": torch.is_grad_enabled(),
        "dtype": torch.get_default_dtype(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warns": torch.is_deterministic_algorithms_warn_only_enabled(),
        "printing": asdict(_printing()),
    }
    usual = _usual()
    return {name: held for name, held in found.items() if held != usual[name]} or None


def write_settings(value: Any, _: Baseline) -> None:
    """Set the settings; those that are not given are PyTorch's own."""
    torch, wanted = sys.modules["torch"], _usual() | (value or {})
    torch.set_grad_enabled(wanted["gradients"])
    torch.set_default_dtype(wanted["dtype"])
    torch.use_deterministic_algorithms(wanted["deterministic"], warn_only=wanted["warns"])
    for name, held in wanted["printing"].items():
        setattr(_printing(), name, held)


def _usual() -> dict[str, Any]:
    return {
        "gradients": True,
        "dtype": sys.modules["torch"].float32,
        "deterministic": False,
        "warns": False,
        "printing": asdict(type(_printing())()),
    }


def _printing() -> Any:
    return sys.modules["torch._tensor_str"].PRINT_OPTS
