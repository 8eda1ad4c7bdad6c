"""Whether the pipeline computes what the notebook computes: both are run, and everything is compared.

1. The whole notebook runs in one kernel, twice; a cell that raises ends the verification: it is broken in itself.
   What differs between the two runs differs from itself, and is not held against the pipeline.
2. The notebook runs as a pipeline, first as a chain that knows nothing, then in parallel on the lock that the first
   one learnt.
3. After each run, a kernel tells what every variable holds; those of the pipeline are thawed for it. They are compared,
   and what every cell put out, and the files that were written.
4. Where a variable differs, both run again and tell after every step, to find the first step and cell.

Every run has a fresh copy of the project's folder, at the same path, and stores of its own: the person's files, store
and lock are not touched. Every kernel starts from the same random state.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.execution.kernels.known import require_kernel
from mlops_nb.execution.notebook_run import Kernels
from mlops_nb.execution.verifying.contents import compare_contents
from mlops_nb.execution.verifying.outputs import compare_outputs, parts_of
from mlops_nb.execution.verifying.runs import Ran, Runs, Subject
from mlops_nb.execution.verifying.verification import Difference, Verdict, Verification
from mlops_nb.execution.verifying.witnesses import place_of
from mlops_nb.notebook import Diagnostic
from mlops_nb.pipeline import ADDED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops_nb.steps import StepGraph


def refused(graph: StepGraph) -> Verification:
    """Return the verification of a notebook whose diagnostics refuse it: nothing needs to run for that."""
    return Verification(str(graph.notebook.path), Verdict.REFUSED, diagnostics=graph.diagnostics)


def verify_subject(subject: Subject) -> Verification:
    """Run the notebook and its pipeline, and compare them.

    Raises
    ------
    VerificationStopped
        When the watch was cancelled before there was an answer.
    UsageError
        When this machine does not have the notebook's kernel.
    """
    if isinstance(subject.open_session, Kernels):
        require_kernel(subject.graph.notebook.kernel_name)
    # Resolved, because a kernel's working directory is: paths that a notebook prints are compared.
    with tempfile.TemporaryDirectory(prefix="mlnb-verify-", ignore_cleanup_errors=True) as place:
        return _Verifying(subject, Runs(subject, Path(place).resolve())).answer()


@dataclass(frozen=True)
class _Verifying:
    subject: Subject
    runs: Runs

    def answer(self) -> Verification:
        subject = self.subject
        whole, again = self.runs.whole("whole"), self.runs.whole("again")
        broken = whole.error or again.error
        path = str(subject.graph.notebook.path)
        seconds = {"whole": whole.seconds}
        if broken is not None:
            return Verification(path, Verdict.BROKEN, error=broken, seconds=seconds)
        unstable = tuple(self._compared(whole, again, "again"))
        differences: list[Difference] = []
        not_compared: dict[str, str] = {}
        lock = None
        for run in ("chain", "parallel"):
            ran = self.runs.pipeline(run, lock)
            lock = ran.lock
            seconds[run] = ran.seconds
            if ran.error is not None:
                refusal = _refusal(ran)
                if refusal is not None:
                    found = (*subject.graph.diagnostics, refusal)
                    return Verification(path, Verdict.REFUSED, diagnostics=found, unstable=unstable, seconds=seconds)
                step, number = place_of(subject.graph, ran.error.cell_id)
                told = f"{ran.error.ename}: {ran.error.evalue}".strip(": ")
                step = step or ran.failed_step
                differences.append(Difference("error", "", "no error", told, run, step, ran.error.cell_id, number))
                break
            not_compared |= {**whole.end.unknown, **ran.end.absent}
            found_here = list(self._compared(whole, ran, run, again))
            if any(item.what in {"variable", "sharing"} for item in found_here):
                found_here = self._located(found_here, ran, again)
            differences += found_here
            if any(not item.close for item in found_here):
                break
        differences.sort(key=lambda item: (item.close, item.cell_number or 10**6))
        return Verification(
            path,
            _verdict(differences, not_compared),
            tuple(differences),
            unstable,
            not_compared,
            compared=_counts(whole),
            seconds=seconds,
        )

    # --- the comparison

    def _compared(self, one: Ran, other: Ran, run: str, again: Ran | None = None) -> Iterator[Difference]:
        subject = self.subject
        numbers = (self.runs.witnesses.numbers_to, subject.tolerance)
        for item in compare_contents(one.end, other.end, again.end if again else None, numbers):
            yield replace(item, run=run)
        for step in subject.graph.steps:
            for cell in step.cells:
                parts = [parts_of(ran.outputs.get(cell.id, ())) for ran in (one, other)]
                twin = parts_of(again.outputs.get(cell.id, ())) if again else None
                for item in compare_outputs(parts[0], parts[1], twin):
                    yield replace(item, run=run, step=step.name, cell=cell.id, cell_number=cell.index + 1)
        for path in sorted({*one.files, *other.files}):
            values = [ran.files.get(path, "not written") for ran in (one, other)]
            if values[0] != values[1] and (again is None or again.files.get(path, "not written") == values[0]):
                yield Difference("file", path, values[0], values[1], run)

    def _located(self, differences: list[Difference], ran: Ran, again: Ran) -> list[Difference]:
        """Return the differences of variables with the first step and cell where they show."""
        subject = self.subject
        whole = self.runs.whole("locate", after_steps=True)
        store_url = str(self.runs.place / "stores" / differences[0].run / "artifacts")
        waiting = {item.name: item for item in differences if item.what in {"variable", "sharing"}}
        located: dict[str, Difference] = {}
        numbers = (self.runs.witnesses.numbers_to, subject.tolerance)
        for step in subject.graph.steps:
            if step.name not in whole.contents or step.name not in ran.states or not waiting:
                continue
            there = self.runs.witnesses.thawed(ran.states[step.name], store_url, step.name)
            for item in compare_contents(whole.contents[step.name], there, None, numbers):
                if item.name in waiting and item.name not in again.end.unlike(whole.end):
                    waiting.pop(item.name)
                    cell = step.last_naming(item.name)
                    known = next(old for old in differences if old.name == item.name)
                    located[item.name] = replace(known, step=step.name, cell=cell.id, cell_number=cell.index + 1)
        return [located.get(item.name, item) if item.what in {"variable", "sharing"} else item for item in differences]


def _verdict(differences: list[Difference], not_compared: Mapping[str, str]) -> Verdict:
    if any(not item.close for item in differences):
        return Verdict.DIFFERENT
    if not_compared:
        return Verdict.PARTLY
    return Verdict.CLOSE if differences else Verdict.IDENTICAL


def _counts(whole: Ran) -> dict[str, int]:
    of_cells = [outputs for cell, outputs in whole.outputs.items() if not cell.startswith(ADDED)]
    parts = [part for outputs in of_cells for part in parts_of(outputs).values()]
    figures = sum(bool(part.picture) for part in parts)
    return {"variables": len(whole.end.variables), "outputs": len(parts) - figures, "figures": figures}


def _refusal(ran: Ran) -> Diagnostic | None:
    """Return the diagnostic that a step of the run was refused with, if it was."""
    text = ran.error.evalue if ran.error is not None else ""
    if not text.startswith("[MN"):
        return None
    code, _, message = text[1:].partition("] ")
    return Diagnostic(code, message, step=ran.failed_step)


def cores() -> int:
    """Return how many steps the parallel run may run at once: at least two, or it would prove nothing."""
    return max(2, os.cpu_count() or 1)
