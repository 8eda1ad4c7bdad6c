"""The state of PyTorch that code reads without naming it: its random stream and its settings."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any


def read_stream() -> Any:
    """Return the state of the global random stream, and of those of the devices that are in use."""
    torch = sys.modules["torch"]
    if not hasattr(torch, "get_rng_state"):
        # Somebody's stand-in for it.
        return None
    state = {"cpu": torch.get_rng_state().numpy().tobytes(), "cuda": []}
    if torch.cuda.is_initialized():
        state["cuda"] = [each.numpy().tobytes() for each in torch.cuda.get_rng_state_all()]
    return state


def write_stream(value: Any) -> None:
    """Set the streams; that of a device which is not in use yet begins at the seed."""
    torch = sys.modules["torch"]

    def tensor(state: bytes) -> Any:
        return torch.frombuffer(bytearray(state), dtype=torch.uint8)

    torch.set_rng_state(tensor(value["cpu"]))
    if value["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([tensor(each) for each in value["cuda"]])
    elif torch.backends.cuda.is_built():
        torch.cuda.manual_seed_all(torch.initial_seed())


def read_settings() -> Any:
    """Return the settings that differ from PyTorch's own."""
    torch = sys.modules["torch"]
    if not hasattr(torch, "is_grad_enabled"):
        return None
    printing = sys.modules["torch._tensor_str"]
    found = {
        "gradients": torch.is_grad_enabled(),
        "dtype": torch.get_default_dtype(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warns": torch.is_deterministic_algorithms_warn_only_enabled(),
        "printing": asdict(printing.PRINT_OPTS),
    }
    usual = {
        "gradients": True,
        "dtype": torch.float32,
        "deterministic": False,
        "warns": False,
        "printing": asdict(type(printing.PRINT_OPTS)()),
    }
    return {name: held for name, held in found.items() if held != usual[name]} or None


def write_settings(value: Any) -> None:
    """Set the settings; those that are not given are PyTorch's own."""
    torch, wanted = sys.modules["torch"], value or {}
    printing = sys.modules["torch._tensor_str"]
    torch.set_grad_enabled(wanted.get("gradients", True))
    torch.set_default_dtype(wanted.get("dtype", torch.float32))
    torch.use_deterministic_algorithms(wanted.get("deterministic", False), warn_only=wanted.get("warns", False))
    usual = asdict(type(printing.PRINT_OPTS)())
    for name, held in wanted.get("printing", usual).items():
        setattr(printing.PRINT_OPTS, name, held)
