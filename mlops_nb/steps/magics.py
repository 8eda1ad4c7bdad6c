"""What IPython's magics and shell commands do to a notebook's names and files.

A magic that is not known here could do anything with the namespace: it is a barrier.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from string import Formatter

_OTHER_LANGUAGES = frozenset(
    "! sx system bash sh script perl ruby cmd python python2 python3 pypy html HTML svg SVG javascript js latex"  # noqa: SIM905 - a list of words reads as words
    " markdown ai mermaid".split()
)
# The body runs once, in the namespace, as if the magic were not there.
_AROUND_BODY = frozenset({"time", "capture", "prun", "memit", "mprun", "lprun", "debug", "heat", "snakeviz", "scalene"})
_TIMED = frozenset({"timeit"})
_AMBIENT = {
    "cd": "cwd",
    "pushd": "cwd",
    "popd": "cwd",
    "env": "environ",
    "set_env": "environ",
    "load_dotenv": "environ",
    "dotenv": "environ",
    "matplotlib": "matplotlib",
    "history": "history",
    "hist": "history",
    "notebook": "history",
}
# Whatever else these do, they read what was typed.
_READ_HISTORY = frozenset({"edit", "logstart", "macro", "pastebin", "recall", "rep", "rerun", "save"})
_HARMLESS_LINES = frozenset(
    "alias_magic autoawait automagic autoreload autosave bookmark cat colors conda config connect_info cp dhist"  # noqa: SIM905 - a list of words reads as words
    " doctest_mode ed gui killbgscripts ldir less lf lk ll load_ext ls lsmagic lx magic mamba man micromamba mkdir"
    " more mv page pdb pdef pdoc pfile pinfo pinfo2 pip pprint precision psearch psource pwd pycat qtconsole quickref"
    " reload_ext rm rmdir sx system tb tensorboard unload_ext uv watermark xmode".split()
)
_SHELL_NAME = re.compile(r"\$(\$?)([A-Za-z_]\w*)")
_OPTION_WITH_VALUE = re.compile(r"-([nrstTlDM]|-\w+)")
# Of those that profile, what follows these options is a function, a file or an order.
_PROFILERS = {
    "prun": re.compile(r"-[lsTD]"),
    "lprun": re.compile(r"-[fmDTsu]"),
    "mprun": re.compile(r"-[fT]"),
}
_QUOTES = "\"'"


@dataclass(frozen=True)
class Magic:
    """What a magic does.

    `code` is Python that runs, starting `code_line` lines below the magic; `apart` when its assignments do not land in
    the namespace. `setup` runs before it, likewise. `text` is expanded by IPython: `{expression}` and `$name`.
    """

    code: str = ""
    code_line: int = 0
    apart: bool = False
    setup: str = ""
    defines: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    ambient: tuple[str, ...] = ()
    barrier: str = ""
    text: str = ""


def of_line(name: str, line: str) -> Magic:
    """Return what `%name line` does."""
    kinds = (_AMBIENT[name],) if name in _AMBIENT else ()
    if name in _AROUND_BODY:
        return Magic(code=_without_options(line, _PROFILERS.get(name, _OPTION_WITH_VALUE)))
    if name in _TIMED:
        return Magic(code=_without_options(line), apart=True)
    if name in {"pinfo", "pinfo2", "psource", "pdoc", "pdef", "pfile"}:
        root = re.match(r"[^\W\d]\w*", line.strip())
        return Magic(uses=(root[0],) if root and "*" not in line else ())
    if name == "config":
        return Magic(ambient=("matplotlib",) if "InlineBackend" in line else (), text=line)
    if name == "run":
        script = line.split()[-1:] if line.split() else []
        return Magic(barrier="`%run` runs another file in the namespace", reads=tuple(script), text=line)
    if kinds or name in _HARMLESS_LINES:
        return Magic(ambient=kinds, text=line)
    typed = ("history",) if name in _READ_HISTORY else ()
    return Magic(barrier=f"`%{name}` may read or bind any name", ambient=typed, text=line)


def of_cell(name: str, line: str, body: str) -> Magic:
    """Return what `%%name line` with its body does."""
    words = line.split()
    if name in _TIMED:
        return Magic(code=body, code_line=1, apart=True, setup=_without_options(line))
    if name == "capture":
        return Magic(code=body, code_line=1, defines=tuple(word for word in words if word.isidentifier()))
    if name in _AROUND_BODY:
        return Magic(code=body, code_line=1)
    if name in {"writefile", "file"}:
        path = words[-1].strip(_QUOTES) if words else ""
        appends = {"-a", "--append"} & set(words)
        return Magic(reads=(path,) if path and appends else (), writes=(path,) if path else (), text=line)
    if name in _OTHER_LANGUAGES:
        pairs = pairwise(words)
        return Magic(defines=tuple(word for option, word in pairs if option in {"--out", "--err", "--proc"}), text=line)
    return Magic(barrier=f"`%%{name}` may read or bind any name", text=line)


def of_shell(command: str) -> Magic:
    """Return what `!command` does."""
    return Magic(text=command)


def expanded(text: str) -> list[str]:
    """Return the expressions that IPython puts into a command: `{x}`, `{df.shape[0]}`, `$name`."""
    try:
        fields = [name for _, name, _, _ in Formatter().parse(text) if name]
    except ValueError:
        # Braces of the shell's or awk's own: then IPython expands nothing in braces.
        fields = []
    return [*fields, *(name for doubled, name in _SHELL_NAME.findall(text) if not doubled)]


def _without_options(line: str, with_value: re.Pattern[str] = _OPTION_WITH_VALUE) -> str:
    """Return the statement behind the options of a magic that runs one: `-n 10 -r3 f(x)`."""
    words = f"{line.strip()} "
    while match := re.match(r"(-\S+)\s+", words):
        words = words[match.end() :]
        if with_value.fullmatch(match[1]) and (value := re.match(r"\S+\s+", words)):
            words = words[value.end() :]
    return words.strip()
