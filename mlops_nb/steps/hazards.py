"""What a call does beside its names: files it opens, process state it touches, namespaces nobody can foresee.

Libraries are recognised by their dotted names and methods by how the field calls them (`read_csv`, `savefig`), so
this reads a superset of what happens in most notebooks and never all of it; the rest shows when a step runs.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_nb.steps.files import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Names that everybody gives these modules, for cells whose imports stand in another cell.
USUAL_ALIASES = {
    "np": "numpy",
    "pd": "pandas",
    "plt": "matplotlib.pyplot",
    "sns": "seaborn",
    "mpl": "matplotlib",
    "Path": "pathlib:Path",
}

# Builtins that leave their arguments as they are. Iterating counts as leaving alone here: an iterator that two steps
# share never leaves its process.
HARMLESS = frozenset(
    "abs all any ascii bin bool bytes callable chr complex dict divmod enumerate float format frozenset getattr hasattr"  # noqa: SIM905 - a list of words reads as words
    " hash hex id int isinstance issubclass len list max min oct ord pow print range repr reversed round set slice"
    " sorted str sum tuple type zip".split()
)
# Those of them whose result may contain, or be, an argument's element.
PASSING_ON = frozenset(
    "dict enumerate filter frozenset getattr iter list map max min next reversed set sorted tuple vars zip".split()  # noqa: SIM905 - a list of words reads as words
)

# Process state by the start of a dotted name; a trailing dot asks for more than the module itself.
_AMBIENT = (
    ("numpy.random.", "numpy.random"),
    ("torch.", "torch.random"),
    ("random.", "random"),
    ("os.environ", "environ"),
    ("os.getenv", "environ"),
    ("os.putenv", "environ"),
    ("os.unsetenv", "environ"),
    ("dotenv.load_dotenv", "environ"),
    ("os.chdir", "cwd"),
    ("os.getcwd", "cwd"),
    ("contextlib.chdir", "cwd"),
    ("pathlib.Path.cwd", "cwd"),
    ("sys.path", "sys.path"),
    ("warnings.", "warnings"),
    ("pandas.options", "pandas.options"),
    ("pandas.set_option", "pandas.options"),
    ("pandas.get_option", "pandas.options"),
    ("pandas.reset_option", "pandas.options"),
    ("pandas.option_context", "pandas.options"),
    ("numpy.set_printoptions", "numpy.options"),
    ("numpy.get_printoptions", "numpy.options"),
    ("numpy.printoptions", "numpy.options"),
    ("numpy.seterr", "numpy.options"),
    ("numpy.errstate", "numpy.options"),
    ("matplotlib.", "matplotlib"),
    ("seaborn.", "matplotlib"),
    ("locale.", "locale"),
    ("decimal.getcontext", "decimal"),
    ("decimal.setcontext", "decimal"),
    ("decimal.localcontext", "decimal"),
    ("logging.", "logging"),
)
# Objects with a stream of their own, and modules that hold no state.
_NOT_AMBIENT = re.compile(
    r"random\.(Random|SystemRandom)\b"
    r"|numpy\.random\.(default_rng|Generator|SeedSequence|RandomState|BitGenerator|PCG64\w*|Philox|MT19937|SFC64)\b"
    r"|sys\.path_|seaborn\.load_dataset\b"
)
_DRAWS = re.compile(
    r"(train_test_split|shuffle|resample|permutation_importance|sample|rvs|\w*(Forest|ExtraTrees?|Boosting|Bagging|"
    r"AdaBoost|KMeans|ShuffleSplit|RandomizedSearchCV|SGD|MLP)\w*|TSNE|UMAP|Perceptron|RANSACRegressor"
    r"|make_(classification|regression|blobs|moons|circles|multilabel_classification|friedman\d|sparse_\w+|spd_matrix))"
)
_SEED_KEYWORDS = frozenset({"random_state", "seed", "rng"})
_DRAWING_METHODS = frozenset({"plot", "hist", "boxplot"})

_BARRIERS = {
    "inspect.currentframe": "reads the interpreter's frames",
    "inspect.stack": "reads the interpreter's frames",
    "sys._getframe": "reads the interpreter's frames",
    "sys._current_frames": "reads the interpreter's frames",
}
_QUERY = re.compile(r"@([^\W\d]\w*)")


@dataclass(frozen=True)
class Found:
    """What one call does beside reading its arguments; `ambient` by kind, `barrier` as reasons, `uses` as names."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    ambient: tuple[str, ...] = ()
    barrier: str = ""
    uses: tuple[str, ...] = ()


def of_call(call: ast.Call, name: str | None, texts: Mapping[str, str | None]) -> Found:
    """Return what `call` does beside its arguments.

    Parameters
    ----------
    call
        The call.
    name
        Dotted name of what is called, import aliases resolved, or None where it is not a name.
    texts
        Names known to be bound to a text (or a path), and, with None, those known to be bound to something else.
    """
    method = call.func.attr if isinstance(call.func, ast.Attribute) else (name or "").rpartition(".")[2]
    reads, writes = files(call, name or "", method, texts)
    return Found(
        tuple(dict.fromkeys(reads)),
        tuple(dict.fromkeys(writes)),
        tuple(_drawn(call, name or "", method)),
        _BARRIERS.get(name or "", ""),
        tuple(_queried(call, method)),
    )


def ambient_of(name: str) -> str | None:
    """Return the kind of process state that the dotted name belongs to, if any."""
    for start, kind in _AMBIENT:
        if name.startswith(start) and (start[-1] == "." or name[len(start) :][:1] in {"", "."}):
            return None if _NOT_AMBIENT.match(name) else kind
    return None


def _drawn(call: ast.Call, name: str, method: str) -> Iterator[str]:
    """Yield the ambient state that a call draws from without naming it: the global RNG, the current figure."""
    if method in _DRAWING_METHODS and isinstance(call.func, ast.Attribute):
        yield "matplotlib"
    # scikit-learn, SciPy and pandas fall back on NumPy's global stream when no seed is given.
    seeded = any(keyword.arg in _SEED_KEYWORDS and not _is_none(keyword.value) for keyword in call.keywords)
    if not seeded and not name.startswith(("random.", "numpy.random.")) and _DRAWS.fullmatch(method):
        yield "numpy.random"


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _queried(call: ast.Call, method: str) -> Iterator[str]:
    """Yield the variables that `df.query("x > @limit")` reads."""
    if method in {"query", "eval"} and isinstance(call.func, ast.Attribute):
        for node in (found for argument in call.args[:1] for found in ast.walk(argument)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from _QUERY.findall(node.value)
