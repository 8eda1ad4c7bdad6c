"""Steps of installed packages: found by the package's name, in a version that is good enough.

A package of `mlops-nb package` has an entry point in the group `mlops_nb.steps`, whose value is its module; beside that
lies `components.json`. Nothing of the package is imported to read it.
"""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING

from mlops_nb.errors import UsageError, did_you_mean
from mlops_nb.reuse.component import Component
from mlops_nb.reuse.taking import NoSuchStep

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.metadata import Distribution

GROUP = "mlops_nb.steps"
FILE = "components.json"


class PackageProblem(UsageError):  # noqa: N818 - the name of the fact
    """A package of steps is not installed, holds none, or is of another version."""

    code = "step-package"


def installed(package: str, name: str, version: str = "", path: Sequence[str] | None = None) -> tuple[Component, str]:
    """Return a step of an installed package, and the package's name with its version.

    Parameters
    ----------
    package
        The package's name.
    name
        The step's.
    version
        The versions that are good enough, in the form of requirements; any when empty.
    path
        The folders where packages lie; those of this process when `None`.

    Raises
    ------
    PackageProblem
        When it is not installed, is no package of steps, or is of another version.
    NoSuchStep
        When it has no such step.
    """
    found = _distribution(package, path)
    here = found.version
    if version and not _satisfies(here, version, package):
        message = f"{package} is installed in version {here}, and the notebook asks for {version}."
        raise PackageProblem(message, hint=f"Install it: pip install '{package}{version}'")
    components = _components(found, package)
    known = [component.name for component in components]
    if name not in known:
        message = f"{package} {here} has no step `{name}`.{did_you_mean(name, known)}"
        raise NoSuchStep(message, hint=f"Its steps: {', '.join(f'`{other}`' for other in known)}.")
    return components[known.index(name)], f"{package} {here}"


def _distribution(package: str, path: Sequence[str] | None) -> Distribution:
    try:
        if path is None:
            return distribution(package)
        from importlib.metadata import Distribution

        found = next(iter(Distribution.discover(name=package, path=list(path))), None)
        if found is not None:
            return found
    except (PackageNotFoundError, ValueError):
        pass
    message = f"The package {package} is not installed here."
    hint = f"Install it: pip install {package}. A notebook's path ends with `.ipynb`."
    raise PackageProblem(message, hint=hint)


def _satisfies(here: str, wanted: str, package: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(wanted).contains(here, prereleases=True)
    except InvalidSpecifier:
        try:
            return SpecifierSet(f"=={wanted}").contains(here, prereleases=True)
        except InvalidSpecifier as error:
            message = f"The version {wanted!r} of {package} cannot be read."
            raise PackageProblem(message, hint='Write it as in requirements, such as ">=1.2,<2".') from error


def _components(found: Distribution, package: str) -> list[Component]:
    modules = [entry.value for entry in found.entry_points if entry.group == GROUP]
    try:
        text = found.read_text(f"../{modules[0]}/{FILE}") if modules else None
    except OSError:
        text = None
    if text is None:
        message = f"The package {package} {found.version} is installed and holds no steps."
        raise PackageProblem(message, hint="`mlops-nb package` makes a package of steps.")
    return [Component.from_dict(item) for item in json.loads(text)["steps"]]
