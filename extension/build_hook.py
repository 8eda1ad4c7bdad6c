"""A package without the front end is not built: JupyterLab would show nothing, and nobody would know why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUNDLE = Path("extension", "labextension")


class FrontEndHook(BuildHookInterface[Any]):
    """Fails where the front end is not there, whole; it is built with Node and committed, so that users need none."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Look whether the front end is there."""
        del version, build_data
        if self.target_name != "wheel":
            return
        bundle = Path(self.root, BUNDLE)
        try:
            described = json.loads((bundle / "package.json").read_text(encoding="utf-8"))
            entry = bundle / described["jupyterlab"]["_build"]["load"]
        except (OSError, ValueError, KeyError):
            entry = bundle / "package.json"
        if not entry.is_file():
            message = (
                f"{entry.relative_to(self.root)} is missing: the JupyterLab extension is not built. "
                "Build it: npm --prefix extension ci && npm --prefix extension run build"
            )
            raise RuntimeError(message)
