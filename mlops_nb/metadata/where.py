"""The language in which runs are searched: text becomes a tree of conditions, and nothing in it is ever evaluated.

    rmse < 2.1 and params.model = 'hgb' and not (status in ('failed', 'died') or why contains 'try')

In descending order of strength: comparisons, `not`, `and`, `or`. A name is a metric's (`rmse`, `metrics.rmse`,
`metrics.scores.test`), a parameter's (`params.model`) or a field of the run (`status`, `run.status`); one that is no
plain word stands in backticks. What a name or a value means is decided in `search`, against a store; each part of the
tree knows its place in the text, so that a refusal can point there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from mlops_nb.errors import UsageError, did_you_mean

FIELDS = (
    *("status", "pipeline", "started", "seconds", "commit", "why", "reason", "user", "origin", "notebook", "id"),
)  # fmt: skip
_LONGEST = 10_000
_DEEPEST = 50
_MOST = 200
_KEYWORDS = frozenset({"and", "or", "not", "in", "like", "contains", "is", "true", "false", "null", "none"})
_SIGNS = {"==": "=", "<>": "!="}
_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
  | (?P<name>(?:[^\W\d]\w*|`[^`]+`)(?:\.(?:\w+|`[^`]+`))*)
  | (?P<text>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")
  | (?P<sign><=|>=|!=|<>|==|=|<|>|\(|\)|,)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}

Literal = str | int | float | bool | None


class WhereError(UsageError):
    """A search that cannot be understood, shown with a caret below the place."""

    code = "where"


@dataclass(frozen=True)
class Name:
    """What is compared: `kind` is `metric`, `param` or `run`, `at` the place in the text, `text` as it was written."""

    kind: str
    name: str
    at: int
    text: str


@dataclass(frozen=True)
class Value:
    """A value as the text gives it, and where it stands."""

    value: Literal
    at: int


@dataclass(frozen=True)
class Comparison:
    """A name held against values: one, or several for `in`. `operator` is one of `= != < <= > >= in like contains`."""

    name: Name
    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Not:
    """The contrary of a condition."""

    of: Condition


@dataclass(frozen=True)
class Both:
    """All of the conditions."""

    of: tuple[Condition, ...]


@dataclass(frozen=True)
class Either:
    """At least one of the conditions."""

    of: tuple[Condition, ...]


Condition = Comparison | Not | Both | Either


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int

    @property
    def word(self) -> str:
        """The keyword or sign that it is, in one spelling; empty for everything else."""
        if self.kind == "sign":
            return _SIGNS.get(self.text, self.text)
        return self.text.lower() if self.kind == "name" and self.text.lower() in _KEYWORDS else ""


def refuse(text: str, at: int, message: str, hint: str = "") -> NoReturn:
    """Raise an error that shows a place of the text.

    Raises
    ------
    WhereError
        Always.
    """
    line_start = text.rfind("\n", 0, at) + 1
    line = text[line_start:].partition("\n")[0].replace("\t", " ")
    from_here = max(0, at - line_start - 60)
    shown, caret = line[from_here : from_here + 100], " " * (at - line_start - from_here) + "^"
    told = f"{message}\n  {shown}\n  {caret}"
    raise WhereError(told, hint=hint)


def parse(text: str) -> Condition:
    """Return the conditions that a text states.

    Raises
    ------
    WhereError
        When it states none, pointing at the place.
    """
    if len(text) > _LONGEST:
        message = f"The search has {len(text)} characters, and may have {_LONGEST}."
        raise WhereError(message)
    odd = re.search("[\0\ud800-\udfff]", text)
    if odd:
        refuse(text.replace(odd[0], "?"), odd.start(), "This is no text.")
    return _Parser(text).parsed()


def names_of(condition: Condition) -> tuple[Name, ...]:
    """Return the names that a condition compares, in the order of the text, each once."""
    if isinstance(condition, Comparison):
        return (condition.name,)
    inner = (condition.of,) if isinstance(condition, Not) else condition.of
    found = {(name.kind, name.name): name for part in inner for name in reversed(names_of(part))}
    return tuple(sorted(found.values(), key=lambda name: name.at))


def metric_name(text: str) -> str:
    """Return the metric that a person names on the command line, with or without `metrics.` in front."""
    parts = _parts(text) if _TOKEN.fullmatch(text) else [text]
    return ".".join(parts[1:] if len(parts) > 1 and parts[0] == "metrics" else parts)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0
        self._comparisons = 0

    def parsed(self) -> Condition:
        found = self._either()
        left = self._peek()
        if left.kind != "end":
            near = did_you_mean(left.text.lower(), ("and", "or")) if left.kind == "name" else ""
            self._refuse(left, f"Here the search should end, or go on with `and` or `or`.{near}")
        return found

    def _either(self) -> Condition:
        found = [self._both()]
        while self._takes("or"):
            found.append(self._both())
        return found[0] if len(found) == 1 else Either(tuple(found))

    def _both(self) -> Condition:
        found = [self._one()]
        while self._takes("and"):
            found.append(self._one())
        return found[0] if len(found) == 1 else Both(tuple(found))

    def _one(self) -> Condition:
        self._depth += 1
        if self._depth > _DEEPEST:
            self._refuse(self._peek(), f"Parentheses and `not` go deeper than {_DEEPEST} here.")
        found: Condition
        if self._takes("not"):
            found = Not(self._one())
        elif self._takes("("):
            found = self._either()
            if not self._takes(")"):
                self._refuse(self._peek(), "Here a parenthesis should be closed.")
        else:
            found = self._comparison()
        self._depth -= 1
        return found

    def _comparison(self) -> Condition:
        self._comparisons += 1
        token = self._peek()
        if self._comparisons > _MOST:
            self._refuse(token, f"Here comparison {self._comparisons} begins, and {_MOST} is the most.")
        if token.kind != "name" or token.word:
            found = "it ends" if token.kind == "end" else f"there is `{token.text}`"
            self._refuse(token, f"Here the search should name a metric, a parameter or a field, and {found}.")
        self._next += 1
        name = self._name(token)
        operator = self._peek()
        turned = self._takes("not")
        if turned and self._peek().word not in {"in", "like", "contains"}:
            self._refuse(self._peek(), "After `not`, here should be `in`, `like` or `contains`.")
        word = self._peek().word
        if word == "is":
            self._next += 1
            turned = self._takes("not")
            return _turned(Comparison(name, "=", (self._value(),)), turned=turned)
        if word == "in":
            self._next += 1
            return _turned(Comparison(name, "in", self._values()), turned=turned)
        if word not in {"=", "!=", "<", "<=", ">", ">=", "like", "contains"}:
            near = did_you_mean(operator.text, ("in", "like", "contains")) if operator.kind == "name" else ""
            self._refuse(operator, f"After `{name.text}` here should be a comparison.{near}")
        self._next += 1
        value = self._value()
        if word in {"like", "contains"} and not isinstance(value.value, str):
            refuse(self._text, value.at, f"`{word}` takes text in quotes.")
        return _turned(Comparison(name, word, (value,)), turned=turned)

    def _name(self, token: _Token) -> Name:
        parts = _parts(token.text)
        rest = ".".join(parts[1:])
        for prefix, kind in (("metrics", "metric"), ("params", "param"), ("run", "run")):
            if parts[0] == prefix and rest:
                if kind == "run" and rest not in FIELDS:
                    near = did_you_mean(rest, FIELDS)
                    self._refuse(token, f"A run has no field `{rest}`.{near}", f"Its fields are {', '.join(FIELDS)}.")
                return Name(kind, rest, token.at, token.text)
        if token.text in FIELDS:
            return Name("run", token.text, token.at, token.text)
        return Name("metric", ".".join(parts), token.at, token.text)

    def _values(self) -> tuple[Value, ...]:
        if not self._takes("("):
            self._refuse(self._peek(), "After `in` here should be values in parentheses: `in ('a', 'b')`.")
        found = [self._value()]
        while self._takes(","):
            found.append(self._value())
        if not self._takes(")"):
            self._refuse(self._peek(), "Here should be a comma, or the parenthesis closed.")
        return tuple(found)

    def _value(self) -> Value:
        token = self._peek()
        if token.kind == "text":
            value: Literal = _unquoted(token.text)
        elif token.kind == "number":
            value = float(token.text) if re.search(r"[.eE]", token.text) or len(token.text) > 18 else int(token.text)  # noqa: PLR2004 - what a database counts with
            if value in {float("inf"), float("-inf")}:
                self._refuse(token, "This number is too large.")
        elif token.word in {"true", "false"}:
            value = token.word == "true"
        elif token.word in {"null", "none"}:
            value = None
        elif token.kind == "name" and not token.word:
            self._refuse(token, f"Here should be a value; is `{token.text}` text?", f"Quote it: '{token.text}'")
        else:
            self._refuse(token, "Here should be a value: a number, text in quotes, true, false or null.")
        self._next += 1
        return Value(value, token.at)

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _takes(self, word: str) -> bool:
        if self._peek().word == word:
            self._next += 1
            return True
        return False

    def _refuse(self, token: _Token, message: str, hint: str = "") -> NoReturn:
        refuse(self._text, token.at, message, hint)


def _turned(found: Condition, *, turned: bool) -> Condition:
    return Not(found) if turned else found


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(text):
        matched = _TOKEN.match(text, at)
        if matched is None:
            if text[at] in "'\"`":
                refuse(text, at, "This quote is never closed.")
            refuse(text, at, f"`{text[at]}` means nothing here.", "Text stands in quotes, an odd name in backticks.")
        kind = str(matched.lastgroup)
        if kind != "space":
            found.append(_Token(kind, matched[0], at))
        at = matched.end()
    found.append(_Token("end", "", len(text)))
    return found


def _parts(name: str) -> list[str]:
    return [part[1:-1] if part.startswith("`") else part for part in re.findall(r"`[^`]+`|\w+", name)]


def _unquoted(text: str) -> str:
    quote, inner = text[0], text[1:-1]
    return re.sub(
        rf"\\(.)|{quote}{quote}",
        lambda found: _ESCAPES.get(found[1], found[1]) if found[1] else quote,
        inner,
        flags=re.DOTALL,
    )
