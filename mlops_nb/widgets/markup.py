"""HTML of small pieces, every value escaped: what `showing` puts together."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from mlops_nb.report import word_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MOST_ROWS = 100
# The pictures of `report` ask for these; here they follow JupyterLab's theme.
STYLE = """
.mn-shown { --card: var(--jp-layout-color1, #fff); --ink: var(--jp-ui-font-color1, #1f2328);
  --faint: var(--jp-ui-font-color2, #59636e); --line: var(--jp-border-color2, #d8dee4);
  --accent: var(--jp-brand-color1, #2563eb); --succeeded: var(--jp-success-color1, #2f855a);
  --failed: var(--jp-error-color1, #c53030); --running: var(--jp-warn-color1, #b7791f);
  color: var(--ink); font: var(--jp-ui-font-size1, 13px)/1.5 var(--jp-ui-font-family, system-ui, sans-serif); }
.mn-shown h3 { margin: 2px 0 4px; font-size: 1.15em; }
.mn-shown h4 { margin: 12px 0 4px; font-size: 1em; }
.mn-shown p { margin: 4px 0; }
.mn-shown .wide { overflow-x: auto; }
.mn-shown table { margin: 0; border: 0; border-collapse: collapse; font-variant-numeric: tabular-nums; }
.mn-shown table :is(th, td) { padding: 3px 12px 3px 0; border: 0; border-bottom: 1px solid var(--line);
  background: none; text-align: left !important; vertical-align: top; max-width: 60em; overflow-wrap: anywhere; }
.mn-shown table thead th { color: var(--faint); font-weight: 400; }
.mn-shown table .number { text-align: right !important; }
.mn-shown tr { background: none !important; }
.mn-shown .faint { color: var(--faint); }
.mn-shown .badge { padding: 1px 9px; border: 1px solid currentcolor; border-radius: 10px; font-size: .86em;
  font-weight: 600; }
.mn-shown :is(.pass, .succeeded) { color: var(--succeeded); }
.mn-shown :is(.stop, .refuse, .error, .failed, .died) { color: var(--failed); }
.mn-shown :is(.retrain, .warning, .running) { color: var(--running); }
.mn-shown pre { margin: 4px 0; padding: 8px 10px; overflow-x: auto; background: var(--jp-layout-color2, #f6f8fa); }
.mn-shown summary { cursor: pointer; }
.mn-shown summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
"""


def page(label: str, *parts: str) -> str:
    """Return the parts as one piece that follows the theme; `label` is what a screen reader calls it."""
    return f'<style>{STYLE}</style><section class="mn-shown" aria-label="{escape(label)}">{"".join(parts)}</section>'


def heading(text: str, badge: str = "", rest: str = "") -> str:
    """Return a heading, with a word beside it whose colour tells whether it is good."""
    told = f' <span class="badge {_word(badge)}">{escape(badge)}</span>' if badge else ""
    more = f' <span class="faint">{escape(rest)}</span>' if rest else ""
    return f"<h3>{escape(text)}{told}{more}</h3>"


def part(title: str, content: str, *, folded: bool = False) -> str:
    """Return a part with a title; folded it opens by click or key. Nothing when there is nothing in it."""
    if not content:
        return ""
    if folded:
        # Otherwise JupyterLab takes the key that opens it for a command of its own.
        ours = 'data-lm-suppress-shortcuts="true"'
        return f"<details><summary {ours}>{escape(title)}</summary>{content}</details>"
    return f"<h4>{escape(title)}</h4>{content}"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], marks: Sequence[str] = ()) -> str:
    """Return a table; numbers stand right. `marks` gives each row a word that colours its first cell."""
    told = list(rows)
    if not told:
        return ""
    numbers = [all(_is_number(row[at]) or row[at] in {None, ""} for row in told) for at in range(len(head))]
    heads = "".join(f'<th scope="col"{_side(at, numbers)}>{escape(name)}</th>' for at, name in enumerate(head))
    body = []
    for place, row in enumerate(told[:MOST_ROWS]):
        mark = _word(marks[place]) if place < len(marks) else ""
        cells = "".join(
            f"<td{_side(at, numbers, mark if at == 0 else '')}>{escape(text(value))}</td>"
            for at, value in enumerate(row)
        )
        body.append(f"<tr>{cells}</tr>")
    more = f'<p class="faint">{len(told) - MOST_ROWS:,} more</p>' if len(told) > MOST_ROWS else ""
    return f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{"".join(body)}</tbody></table>{more}</div>'


def pairs(told: Mapping[str, Any]) -> str:
    """Return names and values as a table of two columns; nothing for none."""
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(text(value))}</td></tr>' for name, value in told.items()
    )
    return f'<div class="wide"><table><tbody>{rows}</tbody></table></div>' if rows else ""


def evidence(told: Mapping[str, Any]) -> str:
    """Return a judge's evidence: what is a list or a mapping of alike things as a table each, the rest as pairs."""
    plain: dict[str, Any] = {}
    parts = []
    for name, value in told.items():
        rows = _alike(value)
        if rows is None:
            plain[name] = value
            continue
        keys = list(dict.fromkeys(key for row in rows for key in row if not isinstance(row[key], list | dict)))
        parts.append(part(name, table(keys, [[row.get(key) for key in keys] for row in rows])))
    return pairs(plain) + "".join(parts)


def _alike(value: Any) -> list[dict[str, Any]] | None:
    if isinstance(value, dict) and value and all(isinstance(each, dict) for each in value.values()):
        return [{"name": name, **each} for name, each in value.items()]
    if isinstance(value, list | tuple) and value and all(isinstance(each, dict) for each in value):
        return [dict(each) for each in value]
    return None


def text(value: Any) -> str:
    """Return a value in a few words; nothing for None."""
    return "" if value is None else word_value(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _side(at: int, numbers: Sequence[bool], mark: str = "") -> str:
    words = " ".join(word for word in ("number" if numbers[at] else "", mark) if word)
    return f' class="{words}"' if words else ""


def _word(name: str) -> str:
    # A class of the style sheet, whatever a record says.
    return name if name.isalpha() else ""
