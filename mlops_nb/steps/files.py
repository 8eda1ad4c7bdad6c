"""Which files a call opens, as far as its arguments spell their paths."""

from __future__ import annotations

import ast
import posixpath
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Texts = Mapping[str, str | None]
    _Paths = Sequence[ast.expr | None]

_READ_METHOD = re.compile(
    r"read_(csv|parquet|json|excel|feather|pickle|table|fwf|hdf|html|xml|orc|sas|spss|stata|file|ipc|ndjson|avro|image)"
    r"|scan_(csv|parquet|ipc|ndjson)|loadtxt|genfromtxt|fromfile|imread|load_workbook|open_dataset|open_zarr|mmread"
)
_WRITE_METHOD = re.compile(
    r"to_(csv|parquet|json|excel|feather|pickle|hdf|html|xml|orc|stata|latex|markdown|string|file|netcdf|zarr)"
    r"|write_(csv|parquet|json|excel|ipc|ndjson|avro|image|html)|savefig|savetxt|savez|savez_compressed|tofile|imsave"
    r"|imwrite|save_model|mmwrite|sink_(csv|parquet)"
)
# (dotted name) -> positions of the arguments that are read, and of those that are written.
_BY_NAME: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "pandas.ExcelFile": ((0,), ()),
    "pandas.ExcelWriter": ((), (0,)),
    "pandas.HDFStore": ((0,), (0,)),
    "sqlite3.connect": ((0,), (0,)),
    "numpy.load": ((0,), ()),
    "numpy.memmap": ((0,), (0,)),
    "numpy.save": ((), (0,)),
    "joblib.load": ((0,), ()),
    "joblib.dump": ((), (1,)),
    "skops.io.load": ((0,), ()),
    "skops.io.dump": ((), (1,)),
    "torch.load": ((0,), ()),
    "torch.save": ((), (1,)),
    "urllib.request.urlretrieve": ((), (1,)),
    "shelve.open": ((0,), (0,)),
    "glob.glob": ((0,), ()),
    "glob.iglob": ((0,), ()),
    "os.listdir": ((0,), ()),
    "os.scandir": ((0,), ()),
    "os.walk": ((0,), ()),
    "os.stat": ((0,), ()),
    "os.path.exists": ((0,), ()),
    "os.path.isfile": ((0,), ()),
    "os.path.isdir": ((0,), ()),
    "os.path.getsize": ((0,), ()),
    "os.path.getmtime": ((0,), ()),
    "os.remove": ((), (0,)),
    "os.unlink": ((), (0,)),
    "os.rmdir": ((), (0,)),
    "os.mkdir": ((), (0,)),
    "os.makedirs": ((), (0,)),
    "os.rename": ((0,), (0, 1)),
    "os.replace": ((0,), (0, 1)),
    "shutil.copy": ((0,), (1,)),
    "shutil.copy2": ((0,), (1,)),
    "shutil.copyfile": ((0,), (1,)),
    "shutil.copytree": ((0,), (1,)),
    "shutil.move": ((0,), (0, 1)),
    "shutil.rmtree": ((), (0,)),
    "shutil.unpack_archive": ((0,), (1,)),
    "shutil.make_archive": ((), (0,)),
}
# Calls that take a mode as their second argument, as `open` does.
_WITH_MODE = frozenset(
    {"open", "io.open", "codecs.open", "gzip.open", "bz2.open", "lzma.open", "tarfile.open", "zipfile.ZipFile"}
    | {"ZipFile", "h5py.File", "netCDF4.Dataset"}
)
_PATH_READS = frozenset({"read_text", "read_bytes", "exists", "is_file", "is_dir", "stat", "iterdir"})
_PATH_WRITES = frozenset({"write_text", "write_bytes", "mkdir", "touch", "unlink", "rmdir"})
_PATH_KEYWORDS = (
    "filepath_or_buffer",
    "path_or_buffer",
    "path_or_buf",
    "path",
    "fname",
    "filename",
    "file",
    "io",
    "excel_writer",
    "buf",
    "source",
)
_SAME_PATH = frozenset({"resolve", "expanduser", "absolute", "joinpath", "with_name"})


def files(call: ast.Call, name: str, method: str, texts: Texts) -> tuple[list[str], list[str]]:
    """Return the paths that a call reads, and those that it writes.

    Parameters
    ----------
    call
        The call.
    name, method
        The dotted name of what is called, and its last part.
    texts
        Names known to be bound to a text (or a path), and, with None, those known to be bound to something else.
    """
    if name in _BY_NAME:
        read_at, written_at = _BY_NAME[name]
        reads: _Paths = [_argument(call, position) for position in read_at]
        writes: _Paths = [_argument(call, position) for position in written_at]
    elif name in _WITH_MODE:
        reads, writes = _opened(_argument(call, 0), _mode(call, 1))
    else:
        reads, writes = _by_method(call, method, texts)
    return _spelled(reads, texts), _spelled(writes, texts)


def _spelled(paths: _Paths, texts: Texts) -> list[str]:
    spelled = (template(path, texts) for path in paths if path is not None)
    return [path for path in spelled if path]


def _by_method(call: ast.Call, method: str, texts: Texts) -> tuple[_Paths, _Paths]:
    """Return the paths that a method reads and writes, which may be the object itself (`Path("x").read_text()`)."""
    if _READ_METHOD.fullmatch(method):
        return [_argument(call, 0)], []
    if _WRITE_METHOD.fullmatch(method):
        return [], [_argument(call, 0)]
    if not isinstance(call.func, ast.Attribute):
        return [], []
    if method in {"load", "save", "dump"}:
        # A method of anything: only what looks like a file's name counts (`spacy.load("en_core_web_sm")` does not).
        paths = [path for path in call.args[:2] if "." in (template(path, texts) or "")][:1]
        return (paths, []) if method == "load" else ([], paths)
    if is_path(call.func.value, texts, outside=method in _PATH_READS | _PATH_WRITES):
        return _of_path(call, call.func.value, method)
    return [], []


def _of_path(call: ast.Call, path: ast.expr, method: str) -> tuple[_Paths, _Paths]:
    """Return what a method of a path reads and writes."""
    match method:
        case "open":
            return _opened(path, _mode(call, 0))
        case "rename" | "replace":
            return [path], [path, _argument(call, 0)]
        case "glob" | "rglob":
            inside: list[ast.expr] = [ast.Constant("**")] if method == "rglob" else []
            return [_below(path, [*inside, *call.args[:1]])], []
    return ([path] if method in _PATH_READS else []), ([path] if method in _PATH_WRITES else [])


def _below(folder: ast.expr, parts: list[ast.expr]) -> ast.expr:
    for part in parts:
        folder = ast.BinOp(folder, ast.Div(), part)
    return folder


def _opened(path: ast.expr | None, mode: str | None) -> tuple[_Paths, _Paths]:
    """Return what opening `path` reads and writes; with a computed mode it may do both."""
    reads = mode is None or bool(set(mode) & set("r+a")) or not set(mode) & set("wx")
    writes = mode is None or bool(set(mode) & set("wax+"))
    return ([path] if reads else []), ([path] if writes else [])


def _argument(call: ast.Call, position: int) -> ast.expr | None:
    if position < len(call.args):
        return call.args[position]
    if position == 0:
        named = {keyword.arg: keyword.value for keyword in call.keywords}
        return next((named[keyword] for keyword in _PATH_KEYWORDS if keyword in named), None)
    return None


def _mode(call: ast.Call, position: int) -> str | None:
    """Return the mode a file is opened with, `r` when none is given, None when it is computed."""
    given = call.args[position] if position < len(call.args) else None
    for keyword in call.keywords:
        if keyword.arg == "mode":
            given = keyword.value
    if given is None:
        return "r"
    return given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else None


def is_path(node: ast.expr, texts: Texts, *, outside: bool = False) -> bool:
    """Say whether `node` builds a path; a bare name of unknown content is believed with `outside` only."""
    match node:
        case ast.Name():
            return texts.get(node.id) is not None or (outside and node.id not in texts)
        case ast.Call(func=ast.Name(id=name)):
            return name.endswith("Path")
        case ast.Call(func=ast.Attribute(value=value, attr=attr)):
            return attr.endswith("Path") or (attr in _SAME_PATH and is_path(value, texts, outside=outside))
        case ast.BinOp(op=ast.Div(), left=left):
            return is_path(left, texts, outside=True)
    return False


def template(node: ast.expr, texts: Texts) -> str | None:
    """Return the path that `node` spells, with `{name}` where it depends on a name, or None where it cannot be told."""
    match node:
        case ast.Constant(value=str(value)):
            return posixpath.normpath(value) if value.startswith("./") else value
        case ast.Name(id=name):
            return texts.get(name, f"{{{name}}}")
        case ast.JoinedStr():
            return _concatenated([_formatted(part, texts) for part in node.values])
        case ast.BinOp(op=ast.Add()):
            return _concatenated([template(node.left, texts), template(node.right, texts)])
        case ast.Call(func=ast.Name(id="str" | "fspath"), args=[only]):
            return template(only, texts)
    parts = _joined_parts(node)
    known = [part for part in (template(part, texts) for part in parts) if part is not None]
    return _join(*known) if known and len(known) == len(parts) else None


def _joined_parts(node: ast.expr) -> list[ast.expr]:
    """Return the parts that a path is joined from."""
    match node:
        case ast.BinOp(op=ast.Div()):
            return [node.left, node.right]
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name.endswith("Path"):
            return node.args
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="path"), attr="join")):
            return node.args
        case ast.Call(func=ast.Attribute(value=value, attr="joinpath" | "resolve" | "expanduser" | "absolute")):
            return [value, *node.args]
    return []


def _formatted(part: ast.expr, texts: Texts) -> str | None:
    match part:
        case ast.Constant(value=str(value)):
            return value
        case ast.FormattedValue(value=ast.Name() as name, format_spec=None):
            # A number in a path is a parameter as good as a text.
            return template(name, texts) or f"{{{name.id}}}"
    return None


def _concatenated(parts: list[str | None]) -> str | None:
    known = [part for part in parts if part is not None]
    return "".join(known) if len(known) == len(parts) else None


def _join(*parts: str) -> str:
    # Whoever reads the path on another machine reads it with `/`.
    path = posixpath.join(*parts)
    return path if "://" in path else posixpath.normpath(path)
