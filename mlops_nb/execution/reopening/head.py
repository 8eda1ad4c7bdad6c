"""What the notebook of a reopened step says at its top, and in front of the cell that failed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_nb.metadata import Parameter, RunRecord, StepRun

# A heading, so that the head can link to it.
MARK = "Here it stopped"
ASK = "Your decision"
_LONGEST = 300


def head(  # noqa: PLR0913 - what there is to say
    record: RunRecord,
    step: StepRun,
    place: str,
    *,
    stopped: bool,
    parameters: Sequence[Parameter],
    notices: Sequence[str],
    source: str,
    waits: str = "",
) -> str:
    """Return the markdown at the top.

    Parameters
    ----------
    record, step
        The run and the step in it.
    place
        Which cell failed, in words; empty when none did.
    stopped
        Whether a mark stands in front of that cell.
    parameters
        Those that the step reads.
    notices
        What is not as it was in the run.
    source
        Name of the source notebook.
    waits
        The run that was held up for a decision about the step; empty when none was.
    """
    why = failure(step)
    told = [
        f"# Step {code(step.step)} of run {code(record.run.id)}, opened again",
        f"It **{step.status}**{f' {place}' if place else ''}{f': {code(why)}' if why else ''}.",
        *(
            [f"Run {code(waits)} was held up for **a decision** about it: see [{ASK}](#{_anchor(ASK)})."]
            if waits
            else []
        ),
        f"From {code(source)}, run {record.run.started:%Y-%m-%d %H:%M} UTC. Outputs are the run's, until you run.",
        _what_to_do(record.run.id, step.step, source, stopped=stopped, waits=bool(waits)),
    ]
    if parameters:
        lines = [f"{item.name} = {json.dumps(item.value)}  # {item.source}" for item in parameters]
        told.append("\n".join(("Parameters, as they were:", "```python", *lines, "```")))
    if notices:
        told.append("\n".join(("To know:", "", *(f"- {notice}" for notice in notices))))
    return "\n\n".join(told)


def _anchor(heading: str) -> str:
    return heading.replace(" ", "-")


def _what_to_do(run: str, step: str, source: str, *, stopped: bool, waits: bool) -> str:
    there = (
        f"The JupyterLab that `mlops-nb open` starts stands at the cell below [{MARK}](#{_anchor(MARK)}): what the "
        "step was given is loaded, and its cells before that one have run. Anywhere else select that cell and choose "
        "*Run → Run All Above Selected Cell*."
        if stopped
        else "The hidden cell below loads what the step was given; the JupyterLab of `mlops-nb open` has run it."
    )
    if waits:
        there = (
            "The hidden cell above the step's cells loads what it was given, the one below them what it left; the "
            "JupyterLab of `mlops-nb open` has run both, so that all is as after the step."
        )
    verb = f"mlops-nb open {run} {step}"
    return "\n".join(
        (
            f"1. {there} The hidden cell above the step's cells, run again, puts its inputs back.",
            "2. Look, and mend the cells. New cells with the tag `skip` stay in this notebook.",
            f"3. `{verb} --diff` shows what you changed; `{verb} --take-back` writes it into {code(source)}.",
        )
    )


def ask(run: str, step: str, decided: str) -> tuple[str, str]:
    """Return what is to be decided about a step that a run waits at: as markdown, and as Python to be uncommented.

    Parameters
    ----------
    run, step
        The run that waits, and the step.
    decided
        What was decided already; empty while nobody has.
    """
    words, overrule = ("continue", "stop"), " --overrule" if decided else ""
    shell = [f'mlops-nb decide {run} {word} {step}{overrule} --why "…"' for word in words]
    more = ", overrule=True" if decided else ""
    python = [f'# mlops_nb.decide("{run}", "{word}", step="{step}", why="…"{more})' for word in words]
    fact = f"It is decided: {code(decided)}." if decided else f"May run {code(run)} go on from what {code(step)} made?"
    how = (
        "Look at it in cells of your own (tag `skip`), then decide in a terminal, in JupyterLab's *Pipeline* panel, or "
        "in the cell below. Who, when and why are recorded; `continue` runs what is left, `stop` ends the run."
    )
    told = (f"### {ASK}", f"{fact} {how}", "\n".join(("```console", *shell, "```")))
    return "\n\n".join(told), "\n".join(("# import mlops_nb", *python))


def mark(step: StepRun) -> str:
    """Return the markdown in front of the cell that failed."""
    why = failure(step)
    return f"### {MARK}" + (f"\n\n{code(why)}" if why else "")


def failure(step: StepRun) -> str:
    """Return what ended a step that did not succeed, in one line."""
    if step.status in {"succeeded", "cached"}:
        return ""
    raised = f"{step.error.ename}: {step.error.evalue}" if step.error is not None else ""
    # A step that was ended (past its time, say) has the interrupt as its exception; the reason is what matters.
    return " ".join((step.reason or raised).split())


def code(text: str) -> str:
    """Return text as code within a line of markdown, whatever it holds."""
    line = " ".join(text.split())
    line = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
    ticks = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"
