"""What a template may load ahead, and whether what it has loaded is still what is installed."""

from __future__ import annotations

import contextlib
import os
import site
import sys
import sysconfig
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

# They start threads or open devices when they are imported, which a fork does not survive.
_NOT_BEFORE_A_FORK = frozenset({"cudf", "grpc", "jax", "jaxlib", "numba_cuda", "ray", "tensorflow"})


def loadable(names: Iterable[str]) -> list[str]:
    """Return those modules whose package is Python's or installed: importing runs code, and theirs is trusted."""
    installed = _installed_folders()
    found = []
    for name in names:
        top = name.partition(".")[0]
        if top in sys.builtin_module_names or top in _NOT_BEFORE_A_FORK or top in {"__main__", "antigravity", "this"}:
            continue
        with contextlib.suppress(Exception):
            spec = PathFinder.find_spec(top)
            origin = spec.origin if spec is not None else None
            if origin is not None and origin.startswith(installed):
                found.append(name)
    return found


def _installed_folders() -> tuple[str, ...]:
    paths = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return tuple(f"{path}{os.sep}" for path in {*paths, *_site_folders()} if path)


def _site_folders() -> list[str]:
    user = site.getusersitepackages() if site.ENABLE_USER_SITE else None
    named = {*site.getsitepackages(), user, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    others = {path for path in sys.path if Path(path).name in {"site-packages", "dist-packages"}}
    return sorted(path for path in {*named, *others} if path)


@dataclass(frozen=True)
class Installed:
    """When the folders of packages, and the loaded modules outside of them, were last changed."""

    folders: dict[str, Any]
    modules: dict[str, Any]

    @staticmethod
    def now() -> Installed:
        """Return how the folders of packages are now; installing or removing a package changes its folder's time."""
        folders = _site_folders()
        links = [str(path) for folder in folders for path in sorted(Path(folder).glob("*.pth"))]
        return Installed({path: _state(path) for path in [*folders, *links]}, {})

    def with_modules(self, modules: Iterable[Any]) -> Installed:
        """Return this, with the files of loaded modules that were not installed by copying: a checkout is edited."""
        installed = _installed_folders()
        files = {str(getattr(module, "__file__", None) or "") for module in modules}
        new = {path for path in files if path and not path.startswith(installed)} - set(self.modules)
        return Installed(self.folders, {**self.modules, **{path: _state(path) for path in new}})

    def changed(self) -> bool:
        """Say whether anything has changed since."""
        return Installed.now().folders != self.folders or any(
            _state(path) != state for path, state in self.modules.items()
        )


def _state(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - called for many
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
