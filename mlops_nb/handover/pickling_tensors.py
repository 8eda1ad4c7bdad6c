"""Pickle PyTorch's tensors over the memory that they lie in: what shares it, with NumPy's arrays too, shares it again.

A tensor's own reduce method copies the memory for each of them, and forgets the gradient.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import why_bound
from mlops_nb.handover.pickling_arrays import make_view, place_in
from mlops_nb.handover.process_bound import CannotLeaveProcess

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np


def reduce_tensor(tensor: Any, lent: Sequence[np.ndarray], memories: dict[int, np.ndarray]) -> Any:
    """Reduce a tensor.

    Parameters
    ----------
    tensor
        The tensor.
    lent
        Arrays whose memory tensors of this pickle may show.
    memories
        The arrays that stand for the memory of tensors in this pickle, by its address; filled.

    Raises
    ------
    CannotLeaveProcess
        When it is more than elements in this process's memory.
    """
    reason = why_bound(tensor)
    if reason:
        raise CannotLeaveProcess(reason)
    storage = tensor.untyped_storage()
    start, size = storage.data_ptr(), storage.nbytes()
    memory, offset = place_in(lent, start, size) if size else (None, 0)
    if memory is None and size:
        memory = memories.setdefault(start, _bytes_of(storage))
    lying = (tensor.dtype, tensor.storage_offset(), tuple(tensor.shape), tensor.stride())
    how = (type(tensor), tensor.requires_grad)
    return _make_tensor, (memory, offset, size, lying, how), (tensor.grad, dict(vars(tensor))), None, None, _set_rest


def _bytes_of(storage: Any) -> np.ndarray:
    torch = sys.modules["torch"]
    shown: np.ndarray = torch.empty(0, dtype=torch.uint8, device="cpu").set_(storage).numpy()
    return shown


def _make_tensor(
    memory: np.ndarray | None, offset: int, size: int, lying: tuple[Any, ...], how: tuple[type, bool]
) -> Any:
    import numpy as np

    # The pickle names types of PyTorch's, so that it has been imported.
    torch = sys.modules["torch"]
    dtype, at, shape, strides = lying
    with torch.no_grad():
        if memory is None:
            tensor = torch.empty_strided(shape, strides, dtype=dtype, device="cpu")
        else:
            shown = make_view(memory, np.uint8, (size,), (1,), offset, writeable=True)
            storage = torch.from_numpy(shown).untyped_storage()
            tensor = torch.empty(0, dtype=dtype, device="cpu").set_(storage, at, shape, strides)
    kind, requires_grad = how
    return kind(tensor, requires_grad) if kind is not torch.Tensor else tensor.requires_grad_(requires_grad)


def _set_rest(tensor: Any, state: tuple[Any, dict[str, Any]]) -> None:
    gradient, attributes = state
    if gradient is not None:
        tensor.grad = gradient
    vars(tensor).update(attributes)
