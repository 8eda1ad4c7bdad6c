"""From the path by which JupyterLab knows a file to the file itself, which is never outside of the server's root."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from jupyter_core.paths import is_hidden

from mlops_nb.errors import UsageError


class NoSuchPath(UsageError):  # noqa: N818 - the name of the fact
    """There is nothing of that path that this server may show: it is not there, hidden, or outside of the root."""

    code = "no-such-path"


@dataclass(frozen=True)
class Root:
    """The folder that the server serves; `hidden` says whether it shows hidden files too."""

    folder: Path
    hidden: bool = False

    def place(self, path: str) -> Path:
        """Return the file or folder of that path, which need not be there.

        Parameters
        ----------
        path
            Relative to the root, with `/` between its parts; empty for the root itself.

        Raises
        ------
        NoSuchPath
            When it leads out of the root, by its parts or by a symbolic link, or is hidden. What is outside, and
            whether it is there, is not told.
        """
        parts = PurePosixPath(path.strip("/")).parts
        refused = "\0" in path or "\\" in path or ".." in parts
        place = self.folder if refused else self.folder.joinpath(*parts)
        try:
            # A name may be too long for the system, and links may form a loop: `exists` finds out.
            place.exists()
            refused = refused or not self._shows(place)
        except (OSError, RuntimeError):
            refused = True
        if refused:
            message = f"There is no `{path}` below the server's root."
            raise NoSuchPath(message, hint="Paths are relative to the folder that JupyterLab shows.")
        return place

    def there(self, path: str) -> Path:
        """Return the file or folder of that path, which must be there.

        Raises
        ------
        NoSuchPath
            When it is not, or may not be shown.
        """
        place = self.place(path)
        if not place.exists():
            message = f"There is no `{path}` below the server's root."
            raise NoSuchPath(message, hint="Paths are relative to the folder that JupyterLab shows.")
        return place

    def _shows(self, place: Path) -> bool:
        if not place.resolve().is_relative_to(self.folder.resolve()):
            return False
        return self.hidden or not is_hidden(str(place), str(self.folder))

    def path_of(self, place: Path | str) -> str | None:
        """Return the path by which JupyterLab knows a file, or None where it shows no such file."""
        place = Path(place)
        folder = self.folder
        if not place.is_relative_to(folder):
            folder, place = folder.resolve(), place.resolve()
        if not place.is_relative_to(folder) or (not self.hidden and is_hidden(str(place), str(folder))):
            return None
        found = place.relative_to(folder).as_posix()
        return "" if found == "." else found
