"""The state of the process that code reads without naming it: carried from step to step like a variable.

Each kind is one row of `KINDS`: how to read it, how to set it, and the module that must be loaded for it to exist.
A kind whose module is not loaded has no state. Reading returns `None` where there is nothing to carry, so that a step
which never touched Matplotlib does not carry its settings.
"""

from __future__ import annotations
import __future__

import contextlib
import decimal
import importlib
import locale
import os
import random
import sys
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.handover import ambient_torch
from mlops_nb.handover.import_filters import IMPORT_FILTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# Reading a random stream changes it, so only a step that draws depends on it; the rest every step depends on.
STREAMS = frozenset({"random", "numpy.random", "torch.random"})
# What must be in place before variables are thawed: their modules are found through it.
EARLY = ("environ", "cwd", "sys.path")
# What they refer to when they are thawed, as figures to lists in Matplotlib's settings; thawing may change it again.
REFERRED_TO = ("matplotlib.backend", "matplotlib")


@dataclass(frozen=True)
class Kind:
    """One kind of ambient state: the module it lives in, how to read and how to set it.

    What is set is all there is then: cells that were replayed before may have set something else. `None` stands for
    what a fresh kernel has; a kind that cannot be put back (`random`) takes no `None`.
    """

    module: str
    read: Callable[[Baseline], Any]
    write: Callable[[Any, Baseline], None]


@dataclass(frozen=True)
class Baseline:
    """What a fresh kernel has, against which differences are carried."""

    environ: Mapping[str, str]
    path: tuple[str, ...]
    cwd: str
    locale: str
    recursion_limit: int
    argv: tuple[str, ...]

    @staticmethod
    def now() -> Baseline:
        """Return the baseline of this process as it is now."""
        return Baseline(
            dict(os.environ),
            tuple(sys.path),
            str(Path.cwd()),
            locale.setlocale(locale.LC_ALL),
            sys.getrecursionlimit(),
            tuple(sys.argv),
        )


def _read_environ(baseline: Baseline) -> Any:
    changed = {name: value for name, value in os.environ.items() if baseline.environ.get(name) != value}
    gone = sorted(set(baseline.environ) - set(os.environ))
    return {"set": changed, "unset": gone} if changed or gone else None


def _write_environ(value: Any, baseline: Baseline) -> None:
    changed = value or {"set": {}, "unset": ()}
    gone = set(changed["unset"])
    wanted = {name: held for name, held in baseline.environ.items() if name not in gone} | changed["set"]
    for name in set(os.environ) - set(wanted):
        del os.environ[name]
    os.environ.update({name: held for name, held in wanted.items() if os.environ.get(name) != held})


def _read_cwd(baseline: Baseline) -> Any:
    try:
        here = str(Path.cwd())
    except FileNotFoundError:
        return None
    return here if here != baseline.cwd else None


def _read_path(baseline: Baseline) -> Any:
    return list(sys.path) if tuple(sys.path) != baseline.path else None


def _write_cwd(value: Any, baseline: Baseline) -> None:
    os.chdir(value or baseline.cwd)


def _write_path(value: Any, baseline: Baseline) -> None:
    sys.path[:] = baseline.path if value is None else value


def _write_numpy_random(value: Any, _: Baseline) -> None:
    sys.modules["numpy"].random.set_state(value)


def _read_warnings(_: Baseline) -> Any:
    return {"filters": list(warnings.filters), "imports": sorted(IMPORT_FILTERS.known)}


def _write_warnings(value: Any, _: Baseline) -> None:
    if isinstance(value, list):
        # As earlier versions stored it.
        value = {"filters": value, "imports": ()}
    IMPORT_FILTERS.known |= set(value["imports"])
    filters: list[Any] = warnings.filters  # type: ignore[assignment]
    filters[:] = value["filters"]
    # Python caches which warning was shown under which filters; this says they changed.
    warnings._filters_mutated() if hasattr(warnings, "_filters_mutated") else None  # noqa: SLF001


def _read_pandas(_: Baseline) -> Any:
    changed = {}
    registered = sys.modules["pandas._config.config"]._registered_options  # noqa: SLF001 - defaults are nowhere else
    options = sys.modules["pandas"]
    for key, option in registered.items():
        if key.startswith("mode.") and key.endswith(("data_manager", "use_inf_as_na")):
            continue
        value = _quietly(partial(options.get_option, key))
        if value != option.defval:
            changed[key] = value
    return changed or None


def _write_pandas(value: Any, baseline: Baseline) -> None:
    registered = sys.modules["pandas._config.config"]._registered_options  # noqa: SLF001 - defaults are nowhere else
    wanted = {key: registered[key].defval for key in _read_pandas(baseline) or {}} | (value or {})
    for key, held in wanted.items():
        _quietly(partial(sys.modules["pandas"].set_option, key, held))


def _quietly(act: Callable[[], Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return act()


def _read_numpy(_: Baseline) -> Any:
    numpy = sys.modules["numpy"]
    found = {"print": dict(numpy.get_printoptions()), "err": dict(numpy.geterr())}
    return found if found != {"print": _NUMPY_PRINT | _extra(found["print"]), "err": _NUMPY_ERR} else None


_NUMPY_ERR = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
_NUMPY_PRINT = {
    "edgeitems": 3,
    "threshold": 1000,
    "floatmode": "maxprec",
    "precision": 8,
    "suppress": False,
    "linewidth": 75,
    "nanstr": "nan",
    "infstr": "inf",
    "sign": "-",
    "formatter": None,
    "legacy": False,
}


def _extra(found: dict[str, Any]) -> dict[str, Any]:
    # `override_repr` came with NumPy 2; a later option at its default must not look like a change either.
    return {
        name: None if name == "override_repr" else value for name, value in found.items() if name not in _NUMPY_PRINT
    }


def _write_numpy(value: Any, _: Baseline) -> None:
    numpy = sys.modules["numpy"]
    wanted = value or {"print": _NUMPY_PRINT | _extra(dict(numpy.get_printoptions())), "err": _NUMPY_ERR}
    numpy.set_printoptions(**wanted["print"])
    numpy.seterr(**wanted["err"])


def _read_matplotlib(_: Baseline) -> Any:
    matplotlib = sys.modules["matplotlib"]
    # Against Matplotlib's own values and not those that it was imported with: a later kernel may find another file of
    # settings (`matplotlibrc`) when it imports it.
    default = dict.copy(matplotlib.rcParamsDefault)
    changed = _rc_differing(matplotlib.rcParams, default)
    # Its own values are something to carry too where an import does not bring them.
    return changed if changed or _rc_differing(matplotlib.rcParamsOrig, default) else None


def _rc_differing(settings: Any, default: Mapping[str, Any]) -> dict[str, Any]:
    held = dict.copy(settings)
    return {key: value for key, value in held.items() if key not in _RC_OF_KERNEL and value != default.get(key)}


# The kernel chooses these; a backend that the notebook chose is a kind of its own.
_RC_OF_KERNEL = frozenset({"backend", "backend_fallback", "interactive"})


def _write_matplotlib(value: Any, baseline: Baseline) -> None:
    matplotlib = sys.modules["matplotlib"]
    default = dict.copy(matplotlib.rcParamsDefault)
    # A style that a replayed cell has set may differ where the style that counts has Matplotlib's own value.
    wanted = {key: default[key] for key in _read_matplotlib(baseline) or {} if key in default} | (value or {})
    # What is right already stays the object that it is: figures may refer to it.
    current = dict.copy(matplotlib.rcParams)
    changed = {key: wanted[key] for key in wanted if key not in current or current[key] != wanted[key]}
    _quietly(lambda: matplotlib.rcParams.update(changed))
    if value is None:
        # The file of settings that this kernel has found was not there yet.
        original = _rc_differing(matplotlib.rcParamsOrig, default)
        _quietly(lambda: matplotlib.rcParamsOrig.update({key: default[key] for key in original if key in default}))


def _read_backend(baseline: Baseline) -> Any:
    # Looked at without Matplotlib's own getter, which chooses one where none is chosen yet.
    backend = dict.get(sys.modules["matplotlib"].rcParams, "backend")
    chosen = isinstance(backend, str) and backend != baseline.environ.get("MPLBACKEND")
    return backend if chosen else None


def _write_backend(value: str | None, baseline: Baseline) -> None:
    backend = value or baseline.environ.get("MPLBACKEND")
    if backend:
        sys.modules["matplotlib"].use(backend)


def _read_sklearn(_: Baseline) -> Any:
    sklearn = sys.modules["sklearn"]
    current = sklearn.get_config()
    default = sys.modules["sklearn._config"]._global_config  # noqa: SLF001 - the defaults are nowhere else
    return current if current != default else None


def _write_sklearn(value: Any, _: Baseline) -> None:
    default = sys.modules["sklearn._config"]._global_config  # noqa: SLF001 - the defaults are nowhere else
    sys.modules["sklearn"].set_config(**(value or default))


def _read_decimal(_: Baseline) -> Any:
    context = decimal.getcontext()
    plain = decimal.Context()
    # Flags are raised by computing; they are part of the context as code can read them.
    return context.copy() if repr(context) != repr(plain) else None


def _write_decimal(value: Any, _: Baseline) -> None:
    # The context stays the object that it is: variables may be that.
    here, wanted = decimal.getcontext(), value or decimal.Context()
    for name in ("prec", "rounding", "Emin", "Emax", "capitals", "clamp", "flags", "traps"):
        setattr(here, name, getattr(wanted, name))


def _read_locale(baseline: Baseline) -> Any:
    current = locale.setlocale(locale.LC_ALL)
    return current if current != baseline.locale else None


def _write_locale(value: str | None, baseline: Baseline) -> None:
    locale.setlocale(locale.LC_ALL, value or baseline.locale)


def _write_argv(value: list[str] | None, baseline: Baseline) -> None:
    sys.argv[:] = baseline.argv if value is None else value


def _read_recursion(baseline: Baseline) -> Any:
    limit = sys.getrecursionlimit()
    return limit if limit != baseline.recursion_limit else None


def _write_recursion(value: int | None, baseline: Baseline) -> None:
    sys.setrecursionlimit(value or baseline.recursion_limit)


def _read_digits(_: Baseline) -> Any:
    digits = sys.get_int_max_str_digits()
    return digits if digits != sys.int_info.default_max_str_digits else None


def _write_digits(value: int | None, _: Baseline) -> None:
    sys.set_int_max_str_digits(sys.int_info.default_max_str_digits if value is None else value)


def _read_directories(_: Baseline) -> Any:
    shell = sys.modules["IPython"].get_ipython()
    if shell is None:
        return None
    been, pushed = list(shell.user_ns["_dh"]), list(shell.dir_stack)
    # The first is where every kernel starts.
    return {"been": been, "pushed": pushed} if len(been) > 1 or pushed else None


def _write_directories(value: Any, _: Baseline) -> None:
    shell = sys.modules["IPython"].get_ipython()
    known = value or {"been": shell.user_ns["_dh"][:1], "pushed": []}
    shell.user_ns["_dh"][:] = known["been"]
    shell.dir_stack[:] = known["pushed"]


# What `from __future__ import` may still change: a cell does so for all cells after it.
_FUTURE = {
    name: feature.compiler_flag
    for name, feature in ((name, getattr(__future__, name)) for name in __future__.all_feature_names)
    if (feature.getMandatoryRelease() or (sys.maxsize,)) > sys.version_info
}


def _read_future(_: Baseline) -> Any:
    shell = sys.modules["IPython"].get_ipython()
    flags = shell.compile.flags if shell is not None else 0
    return [name for name, flag in _FUTURE.items() if flags & flag] or None


def _write_future(value: list[str] | None, _: Baseline) -> None:
    compiler = sys.modules["IPython"].get_ipython().compile
    for name, flag in _FUTURE.items():
        compiler.flags = compiler.flags | flag if name in (value or ()) else compiler.flags & ~flag


KINDS: dict[str, Kind] = {
    "environ": Kind("os", _read_environ, _write_environ),
    "cwd": Kind("os", _read_cwd, _write_cwd),
    "directories": Kind("IPython", _read_directories, _write_directories),
    "sys.path": Kind("sys", _read_path, _write_path),
    "random": Kind("random", lambda _: random.getstate(), lambda value, _: random.setstate(value)),
    "numpy.random": Kind("numpy.random", lambda _: sys.modules["numpy"].random.get_state(), _write_numpy_random),
    "torch.random": Kind("torch", ambient_torch.read_stream, ambient_torch.write_stream),
    "torch": Kind("torch", ambient_torch.read_settings, ambient_torch.write_settings),
    "warnings": Kind("warnings", _read_warnings, _write_warnings),
    "pandas.options": Kind("pandas._config.config", _read_pandas, _write_pandas),
    "numpy.options": Kind("numpy", _read_numpy, _write_numpy),
    "matplotlib": Kind("matplotlib", _read_matplotlib, _write_matplotlib),
    "matplotlib.backend": Kind("matplotlib", _read_backend, _write_backend),
    "sklearn.config": Kind("sklearn._config", _read_sklearn, _write_sklearn),
    "decimal": Kind("decimal", _read_decimal, _write_decimal),
    "locale": Kind("locale", _read_locale, _write_locale),
    "sys.argv": Kind("sys", lambda baseline: list(sys.argv) if tuple(sys.argv) != baseline.argv else None, _write_argv),
    "recursion": Kind("sys", _read_recursion, _write_recursion),
    "int digits": Kind("sys", _read_digits, _write_digits),
    "future": Kind("IPython", _read_future, _write_future),
}


def read_ambient(baseline: Baseline) -> dict[str, Any]:
    """Return the ambient state of this process, by kind; only what there is to carry."""
    found = {}
    for name, kind in KINDS.items():
        if kind.module in sys.modules:
            value = kind.read(baseline)
            if value is not None:
                found[name] = value
    return found


@contextlib.contextmanager
def streams_kept() -> Iterator[None]:
    """Leave the random streams where they are: what pickle and fingerprints ask of a library's objects may draw."""
    here = Baseline({}, (), "", "", 0, ())
    kinds = [KINDS[name] for name in STREAMS if KINDS[name].module in sys.modules]
    before = [(kind, kind.read(here)) for kind in kinds]
    try:
        yield
    finally:
        for kind, value in before:
            if value is not None:
                kind.write(value, here)


def write_ambient(name: str, value: Any, baseline: Baseline) -> None:
    """Set one kind of ambient state, loading the module it lives in; `None` is what a fresh kernel has."""
    kind = KINDS[name]
    importlib.import_module(kind.module)
    kind.write(value, baseline)


def reset_ambient(name: str, baseline: Baseline) -> None:
    """Put one kind of ambient state back to what a fresh kernel has, where it is something else."""
    kind = KINDS[name]
    if name not in _ALWAYS and kind.module in sys.modules and kind.read(baseline) is not None:
        kind.write(None, baseline)


# These always have a state, and no fresh one to go back to.
_ALWAYS = STREAMS | {"warnings"}
