"""How PyTorch's tensors are fingerprinted: by their elements, by how they lie in memory, and by their gradients.

Pickle gives each tensor a copy of its memory. Here the memory is what tensors share, with each other and with NumPy's
arrays: two views on one storage are one co-variable, as is a model with its `state_dict()`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts.fingerprint_trace import MemoryPlace

if TYPE_CHECKING:
    from mlops_nb.artifacts.fingerprint import Walker

_HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")


def is_tensor(kind: type) -> bool:
    """Say whether a type is PyTorch's tensor or one that inherits from it; PyTorch is not imported for asking."""
    return hasattr(kind, "__torch_function__") and issubclass(kind, getattr(sys.modules.get("torch"), "Tensor", ()))


def hash_tensor(walker: Walker, value: Any) -> None:
    """Hash a tensor, and note in whose memory it lies.

    Raises
    ------
    CannotFingerprint
        When it is more than elements in this process's memory.
    """
    from mlops_nb.artifacts.fingerprint import CannotFingerprint

    if walker.known(value):
        return
    reason = why_bound(value)
    if value.layout is sys.modules["torch"].strided and value.device.type == "cpu":
        _note_place(walker, value, value.untyped_storage())
    if reason:
        if value.grad_fn is not None:
            # Gradients go back through it to the tensors that it was computed from.
            walker.trace.shared.update(_leaves(value.grad_fn, walker.trace.alive))
        # Who removes a hook has the table of hooks.
        walker.trace.shared.update(id(hooks) for name in _HOOKS if (hooks := getattr(value, name, None)))
        raise CannotFingerprint(reason)
    about = (type(value).__name__, value.dtype, tuple(value.shape), value.stride(), value.requires_grad)
    walker.tag("tensor", repr((*about, value.is_inference())).encode())
    torch = sys.modules["torch"]
    flat = value.detach().reshape(-1)
    walker.buffer("elements", flat.view(torch.uint8).numpy() if flat.numel() else b"")
    walker.walk(value.grad)
    walker.walk(vars(value) or None)


def why_bound(tensor: Any) -> str:
    """Return why a tensor cannot be had in another process as what it is, or nothing."""
    kind = type(tensor)
    torch = sys.modules["torch"]
    if kind not in {torch.Tensor, torch.nn.Parameter}:
        return f"a {kind.__name__} is a tensor of its own kind"
    if tensor.device.type != "cpu":
        return f"the tensor is on the device {tensor.device}"
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_conj() or tensor.is_neg():
        return "the tensor is no plain one: its layout or how its elements are read is special"
    if tensor.grad_fn is not None:
        return "the tensor knows how it was computed, for gradients to go back: `.detach()` gives its values"
    if any(getattr(tensor, name, None) for name in _HOOKS):
        return "the tensor has hooks for gradients"
    if tensor.is_shared():
        return "the tensor's memory is shared between processes"
    return ""


def _note_place(walker: Walker, tensor: Any, storage: Any) -> None:
    """Note where a tensor lies, and that its memory may be that of an array."""
    start, size = storage.data_ptr(), storage.nbytes()
    if not size:
        return
    # No object of Python is where the elements are.
    walker.trace.shared.add(start)
    walker.trace.foreign.append((start, start + size))
    strides = tuple(step * tensor.element_size() for step in tensor.stride())
    walker.lies(tensor, MemoryPlace(start, tensor.data_ptr(), strides, framed=False))


def _leaves(node: Any, alive: list[Any]) -> set[int]:
    """Return the ids of the tensors that a graph of gradients leads back to.

    No gradient goes back behind a node that has gone through it: after `backward()` what it had saved is no more.
    """
    found: set[int] = set()
    waiting, seen = [node], {node}
    while waiting:
        at = waiting.pop()
        variable = getattr(at, "variable", None)
        if variable is not None:
            found.add(id(variable))
            alive.append(variable)
        for before, _ in () if _is_spent(at) else at.next_functions:
            if before is not None and before not in seen:
                seen.add(before)
                waiting.append(before)
    return found


def _is_spent(node: Any) -> bool:
    """Say whether a node of a graph has let go of what it needs, so that no gradient goes back through it again."""
    try:
        for name in dir(node):
            if name.startswith("_saved_") or name == "saved_tensors":
                getattr(node, name)
    except RuntimeError:
        return True
    return False
