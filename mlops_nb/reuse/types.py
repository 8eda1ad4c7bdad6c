"""Types by full name: read off annotations and literals, compared before a run, checked when a step is called.

Two rules keep a right notebook from being refused. Before a run only types of `KNOWN` are compared, classes of which
it is sure that one is no other; any further type passes. When the step is called the value itself is there, and
`isinstance` decides; a type that cannot be imported passes.
"""

from __future__ import annotations

import ast
import re
import sys
from typing import TYPE_CHECKING, Any

from mlops_nb.steps.literals import NotPlainError, kind_of, plain_value

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# What may stand where a type is asked for, beside that type itself.
_ALSO = {
    "float": frozenset({"int", "bool"}),
    "int": frozenset({"bool"}),
    "datetime.date": frozenset({"datetime.datetime", "pandas.Timestamp"}),
    "datetime.datetime": frozenset({"pandas.Timestamp"}),
}
KNOWN = frozenset(
    "bool bytes dict float frozenset int list set str tuple None datetime.date datetime.datetime numpy.ndarray"  # noqa: SIM905 - a list of words reads as words
    " pandas.DataFrame pandas.Index pandas.Series pandas.Timestamp polars.DataFrame polars.LazyFrame polars.Series"
    " pyarrow.Table".split()
)
_BUILTIN = frozenset(name for name in KNOWN if "." not in name)
_KINDS = {"date": "datetime.date", "datetime": "datetime.datetime", "timestamp": "pandas.Timestamp", "none": "None"}
# The kinds of NumPy's scalars that may stand for a number.
_NUMBERS = {"bool": "b", "int": "biu", "float": "biuf"}
_GENERIC = {"List": "list", "Dict": "dict", "Tuple": "tuple", "Set": "set", "FrozenSet": "frozenset"}


def annotated(node: ast.expr | None, aliases: Mapping[str, str]) -> str:
    """Return the full name of the type that an annotation names; empty when it names no single one.

    Parameters
    ----------
    node
        The annotation.
    aliases
        What imported names stand for, as in `Flow.aliases`.
    """
    match node:
        case ast.Constant(value=str() as text):
            try:
                return annotated(ast.parse(text, mode="eval").body, aliases)
            except SyntaxError:
                return ""
        case ast.Subscript(value=base):
            # `list[str]` is a list; of a generic of `typing` only these are classes.
            named = annotated(base, aliases)
            return named if named in _BUILTIN else _GENERIC.get(ast.unparse(base).rpartition(".")[2], "")
        case ast.Name(id=name) if name in _BUILTIN and name not in aliases:
            return name
        case ast.Name(id=name) if name in aliases:
            module, colon, found = aliases[name].partition(":")
            return _settled(f"{module}.{found}") if colon else ""
        case ast.Attribute():
            dotted = ast.unparse(node)
            head, _, rest = dotted.partition(".")
            known = aliases.get(head, "")
            return _settled(f"{known}.{rest}") if known and ":" not in known else ""
    return ""


def _settled(name: str) -> str:
    return "" if name.startswith((".", "typing.", "collections.abc.")) else name


def of_literal(node: ast.expr) -> str:
    """Return the type of a plain expression; empty when it has to run to be known."""
    try:
        kind = kind_of(plain_value(node))
    except NotPlainError:
        return ""
    return of_kind(kind)


def of_kind(kind: str) -> str:
    """Return the full name of a parameter's type."""
    return "" if kind == "any" else _KINDS.get(kind, kind)


def clash(given: str, wanted: str) -> bool:
    """Say whether a value of one type can never stand where another is wanted, as far as that is known for sure."""
    if not given or not wanted or given == wanted:
        return False
    # What is told to be a float may be an int, and a datetime is a date: neither way is it sure.
    related = given in _ALSO.get(wanted, ()) or wanted in _ALSO.get(given, ())
    return {given, wanted} <= KNOWN and not related


def fits(value: Any, wanted: str) -> bool:
    """Say whether a value can stand where a type is wanted; where nobody can tell, it can."""
    if not wanted or wanted == "None":
        return not wanted or value is None
    if wanted in _NUMBERS and hasattr(value, "dtype") and getattr(value, "shape", None) == ():
        # A scalar of NumPy.
        return value.dtype.kind in _NUMBERS[wanted]
    if wanted == "float" and isinstance(value, int):
        return True
    module, _, name = wanted.rpartition(".")
    found: Any = sys.modules.get(module or "builtins")
    if found is None:
        # Where nobody has imported its library, no value is of such a class; but a class may go by several names.
        return wanted not in KNOWN
    kind = getattr(found, name, None)
    try:
        return isinstance(value, kind) if isinstance(kind, type) else True
    except TypeError:
        return True


def shown(value: Any) -> str:
    """Return the full name of a value's type as an annotation would name it."""
    kind = type(value)
    if value is None or kind.__module__ == "builtins":
        return "None" if value is None else kind.__qualname__
    top = kind.__module__.partition(".")[0]
    # `pandas.core.frame.DataFrame` is written `pandas.DataFrame`.
    public = getattr(sys.modules.get(top), kind.__name__, None) is kind
    return f"{top if public else kind.__module__}.{kind.__qualname__}"


# Of these libraries more than one calls its classes so.
_TABLES = frozenset({"cudf", "dask", "modin", "polars", "pyspark", "vaex"})
_SCALAR = re.compile(r"bool_|u?int(8|16|32|64)|float(16|32|64)")
_RECORDED = {"DataFrame": "pandas.DataFrame", "Series": "pandas.Series", "ndarray": "numpy.ndarray", "NoneType": "None"}


def described(told: str, imports: Collection[str]) -> str:
    """Return the full name of the type that a run's record describes, such as `DataFrame 3x2`; empty when not known.

    Parameters
    ----------
    told
        What the record says.
    imports
        The libraries that the notebook imports.
    """
    name = told.partition(" ")[0]
    if name in _BUILTIN:
        return name
    if _SCALAR.fullmatch(told):
        return {"b": "bool", "f": "float"}.get(told[0], "int")
    if name in {"DataFrame", "Series"} and ("pandas" not in imports or _TABLES & set(imports)):
        return ""
    return _RECORDED.get(name, "")
