"""Published figures: whether two are the same by their bytes or by their pixels, and how much of them differs."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError

if TYPE_CHECKING:
    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.metadata import Artifact

# A colour channel may be off by so much (of 255), as between two renderings of one picture.
PIXEL_TOLERANCE = 2


@dataclass(frozen=True)
class FigureChange:
    """A figure that differs by its bytes. `share` of its pixels differ: 0 to 1, None where that cannot be told."""

    name: str
    step: str
    before: Artifact | None
    after: Artifact | None
    told: str
    share: float | None = None


def figure_change(
    name: str, step: str, before: Artifact | None, after: Artifact | None, store: ArtifactStore
) -> FigureChange:
    """Return how a published figure differs; None stands for a figure that a run did not publish."""
    if before is None or after is None:
        told = "not there before" if before is None else "not there after"
        return FigureChange(name, step, before, after, told)
    one, other = _pixels(before, store), _pixels(after, store)
    if one is None or other is None:
        return FigureChange(name, step, before, after, "other bytes; its pixels cannot be read here")
    if one.shape != other.shape:
        sizes = " and ".join(f"{each.shape[1]} x {each.shape[0]}" for each in (one, other))
        return FigureChange(name, step, before, after, f"another size: {sizes}")
    apart = abs(one - other).max(axis=-1) if one.ndim > 2 else abs(one - other)  # noqa: PLR2004 - colours
    share = float((apart > PIXEL_TOLERANCE / 255 + 1e-6).mean())
    told = f"{share:.2%} of its pixels differ" if share else "the same pixels, stored otherwise"
    return FigureChange(name, step, before, after, told, share)


def _pixels(artifact: Artifact, store: ArtifactStore) -> Any:
    if artifact.media_type != "image/png":
        return None
    try:
        from matplotlib.image import imread
    except ImportError:
        # Then only bytes can be compared.
        return None
    try:
        return imread(io.BytesIO(store.get(artifact.hash)), format="png")
    except (MlopsNbError, OSError, SyntaxError, ValueError):
        # Gone, or half a picture.
        return None
