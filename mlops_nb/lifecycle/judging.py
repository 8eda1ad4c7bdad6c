"""A model version is judged: in a process of its own, against its gate and the champion; the verdicts are recorded."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError, UsageError
from mlops_nb.metadata import AliasMoved
from mlops_nb.registry import CHAMPION, NotProven, Registry
from mlops_nb.validation import Verdict, gravest
from mlops_nb.validation.deployment import Target, judge_deployment
from mlops_nb.validation.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.metadata import MetadataStore, ModelVersion, RunRecord
    from mlops_nb.project import Project
    from mlops_nb.steps import StepGraph

_LEAK, _METRICS, _COMPARISON, _SLICES, _BEHAVIOUR, _DEPLOYMENT = (
    "leak",
    "model-metrics",
    "model-comparison",
    "model-slices",
    "model-behaviour",
    "deployment",
)


@dataclass(frozen=True)
class Judged:
    """A version with its verdicts. `new` is false when those of an earlier judging still hold."""

    version: ModelVersion
    verdicts: tuple[Verdict, ...]
    new: bool = True
    promoted: bool = False

    @property
    def decision(self) -> str:
        """The gravest decision of the verdicts."""
        return gravest(self.verdicts)


@dataclass(frozen=True)
class Court:
    """Where versions are judged: the stores, and the folder in which modules beside the notebook are found."""

    log: MetadataStore
    artifacts: ArtifactStore
    folder: Path

    @property
    def registry(self) -> Registry:
        """The models."""
        return Registry(self.log)


def judge_run(
    graph: StepGraph, record: RunRecord, models: Sequence[ModelVersion], court: Court, notice: Callable[[str], None]
) -> tuple[Judged, ...]:
    """Judge the versions that a run came to and that its notebook declares a gate for.

    Each becomes the `candidate`. One that passes, and whose gate says so, becomes the champion; one that does not
    stays registered, with its verdicts.

    Parameters
    ----------
    graph
        The notebook's steps, with the gates.
    record
        The run.
    models
        The versions it came to.
    court
        The stores.
    notice
        Told in a sentence what could not be done.
    """
    declared = {output.name: output for step in graph.steps for output in step.settings.outputs}
    judged: list[Judged] = []
    for version in models:
        output = declared.get(version.model)
        gate = output.evaluate if output else None
        if not output or not gate:
            continue
        court.registry.mark_candidate(version, f"run {record.run.id} made it")
        try:
            one = _standing(version, gate, record.run.id, court)
            # Who declares that an output is a pickle allows that its versions are read.
            one = one or judge_version(version, gate, record.run.id, court, allow_pickle=output.format != "skops")
        except MlopsNbError as error:
            # The run has succeeded whatever becomes of this; a version without verdicts is not promoted.
            notice(f"{version.model} version {version.version} was not judged: {error}")
            continue
        if gate.get("promote") == "automatic" and one.decision == "pass":
            one = _promoted(one, record.run.id, court, notice)
        judged.append(one)
    return tuple(judged)


def _standing(version: ModelVersion, gate: Mapping[str, Any], run: str, court: Court) -> Judged | None:
    """Return the verdicts of an earlier judging by the same gate, on the same data, against the same champion."""
    evidence = court.registry.evidence(version)
    told = court.registry.origin(version, run).get("evaluation", {})
    of_data = {verdict.content["evidence"].get("data") for verdict in evidence.verdicts}
    stale = [problem for problem in evidence.problems if not problem.startswith("failed")]
    if stale or not evidence.verdicts or evidence.gate != dict(gate):
        return None
    if not told or told["evaluation"]["artifact"] not in of_data:
        return None
    return Judged(version, tuple(Verdict.from_json(item.content) for item in evidence.verdicts), new=False)


def _promoted(one: Judged, run: str, court: Court, notice: Callable[[str], None]) -> Judged:
    version = one.version
    if court.log.aliases(version.model).get(CHAMPION) == version.version:
        return one
    try:
        court.registry.promote(version.model, str(version.version), f"passed its gate in run {run}")
    except (AliasMoved, NotProven) as error:
        notice(f"{version.model} version {version.version} was not promoted: {error}")
        return one
    return replace(one, promoted=True)


def judge_version(
    version: ModelVersion, gate: Mapping[str, Any], run: str, court: Court, *, allow_pickle: bool = False
) -> Judged:
    """Judge a version on the evaluation data of a run that came to it, and record the verdicts.

    A version that is a pickle is read where `allow_pickle` says so, and so is the one it is compared with.

    Raises
    ------
    UsageError
        When the run published no evaluation data.
    CannotJudge
        When the process that judges ended without an answer.
    """
    from mlops_nb.execution.judging.process import CannotJudge, ask_process

    registry = court.registry
    origin = registry.origin(version, run)
    told = origin.get("evaluation")
    if told is None:
        message = f"Run {run} published no data to judge {version.model} version {version.version} on."
        raise UsageError(message, hint="Give the model's output an `evaluate` setting and run the notebook.")
    asked = Gate.from_json(gate)
    compared = _compared_with(version, asked.compare, registry)
    subject = f"{version.model} {version.version}"
    judges = [_LEAK, _DEPLOYMENT, _METRICS]
    judges += [_COMPARISON] if asked.compare != "none" else []
    judges += [_SLICES] if asked.slices.columns else []
    base = {
        "judging": uuid.uuid4().hex,
        "model_digest": version.digest,
        "data": told["evaluation"]["artifact"],
        "rows": told["evaluation"]["rows"],
    }
    against = None if compared is None else {"version": compared.version, "digest": compared.digest}
    evidence = {**base, "gate": dict(gate), "judges": judges, "compare": asked.compare}
    request = {
        "store": court.artifacts.url,
        "subject": subject,
        "candidate": told_to_process(version, registry, run),
        "champion": None if compared is None else told_to_process(compared, registry),
        "allow_pickle": allow_pickle,
        "evaluation": told,
        "gate": dict(gate),
        "known": {name: value for name, value in version.metrics.items() if isinstance(value, int | float)},
        "evidence": {**evidence, **({} if asked.compare == "none" else {"against": against})},
    }
    answered = ask_process(request, court.folder, memory_mb=asked.memory_mb)
    target = _target(version, asked, registry)
    deployment = judge_deployment(
        subject,
        version.signature,
        answered.probe,
        answered.too_much_bytes,
        target,
        {**base, "environment": "here", **_live(version, registry)},
    )
    leak = Verdict.from_json(told["leak"])
    verdicts = (
        replace(leak, subject=subject, evidence={**leak.evidence, **base}),
        deployment,
        *(Verdict.from_json(verdict) for verdict in answered.verdicts),
    )
    failed = (answered.probe or {}).get("judging_error")
    if failed and not answered.verdicts:
        message = f"{subject} cannot be asked for the evaluation data: {failed}."
        raise CannotJudge(message, hint="Name rows that the model takes as `data`, and their truth as `target`.")
    for verdict in verdicts:
        court.log.add_verdict(verdict.to_json(), run=run, model=version.model, version=version.version)
    return Judged(version, verdicts)


def judge(project: Project, model: str, which: str, *, allow_pickle: bool = False) -> Judged:
    """Judge a version anew, by the gate and on the data it was judged by last, against the champion of now.

    Parameters
    ----------
    project
        The project whose registry has the version.
    model, which
        The version.
    allow_pickle
        Whether versions that are pickles may be read.

    Raises
    ------
    UnknownRecord
        When there is no such version.
    UsageError
        When it was never judged: nothing says what is demanded.
    """
    with project.log() as log:
        registry = Registry(log)
        version = registry.get(model, which)
        evidence = registry.evidence(version)
        if not evidence.gate or evidence.run is None:
            message = f"Version {version.version} of `{model}` has no gate."
            raise UsageError(message, hint="Give the model's output an `evaluate` setting and run the notebook.")
        court = court_of(project, log, evidence.run)
        return judge_version(version, evidence.gate, evidence.run, court, allow_pickle=allow_pickle)


def court_of(project: Project, log: MetadataStore, run: str | None) -> Court:
    """Return where versions of a project are judged: in the folder of the run's notebook, where that is still there."""
    folder = project.root
    if run is not None:
        beside = Path(log.run(run).run.notebook).parent
        folder = beside if beside.is_dir() else folder
    return Court(log, project.artifact_store(), folder)


def probe(  # noqa: PLR0913 - what a person may say of it
    project: Project,
    model: str,
    which: str,
    *,
    memory_mb: int | None = None,
    interpreter: Path | None = None,
    against: str = CHAMPION,
    allow_pickle: bool = False,
) -> Judged:
    """Load a version in a fresh process, predict its sample input, and compare its signature; record the verdict.

    Parameters
    ----------
    memory_mb
        Most memory (MiB, resident) that it may take; the gate's bound when `None`.
    interpreter
        The Python of the environment to try; this process's own when `None`.
    against
        The alias of the version whose signature requests are made for.
    allow_pickle
        Whether a version that is a pickle may be read.

    Raises
    ------
    UnknownRecord
        When there is no such version.
    """
    from mlops_nb.execution.judging.process import ask_process

    with project.log() as log:
        registry = Registry(log)
        version = registry.get(model, which)
        evidence = registry.evidence(version)
        gate = Gate.from_json(evidence.gate) if evidence.gate else Gate(())
        court = court_of(project, log, version.run)
        limit = memory_mb or gate.memory_mb
        candidate = told_to_process(version, registry)
        request = {"store": court.artifacts.url, "candidate": candidate, "allow_pickle": allow_pickle}
        answered = ask_process(request, court.folder, memory_mb=limit, interpreter=interpreter)
        base = {
            "judging": uuid.uuid4().hex,
            "model_digest": version.digest,
            "environment": "here" if interpreter is None else "rebuilt",
        }
        verdict = judge_deployment(
            f"{version.model} {version.version}",
            version.signature,
            answered.probe,
            answered.too_much_bytes,
            replace(_target(version, gate, registry, against), memory_mb=limit),
            {**base, **_live(version, registry, against)},
        )
        log.add_verdict(verdict.to_json(), model=version.model, version=version.version)
    return Judged(version, (verdict,))


def environment_of(project: Project, model: str, which: str, listen: Callable[[str], None]) -> Path:
    """Return the interpreter of an environment with the packages of the run that made a version, made when needed.

    Raises
    ------
    UnknownRecord
        When there is no such version.
    UsageError
        When it came from no run.
    CannotReproduce
        When there is no such Python, or the packages cannot be installed.
    """
    from mlops_nb.lifecycle.reproducing import find_reproducible, rebuild_environment

    with project.log() as log:
        version = Registry(log).get(model, which)
    if version.run is None:
        message = f"Version {version.version} of `{model}` came from no run: nothing recorded its packages."
        raise UsageError(message, hint="Try it here: without `--env rebuild`.")
    return rebuild_environment(find_reproducible(version.run, project), project, listen)


def _compared_with(version: ModelVersion, alias: str, registry: Registry) -> ModelVersion | None:
    """Return the version an alias points to; none when it points nowhere, or to the version itself."""
    found = next((item for item in registry.versions(version.model) if alias in item.aliases), None)
    return found if found is not None and found.version != version.version else None


def _live(version: ModelVersion, registry: Registry, alias: str = CHAMPION) -> dict[str, Any]:
    live = _compared_with(version, alias, registry)
    return {"against": None if live is None else {"version": live.version, "digest": live.digest}}


def _target(version: ModelVersion, gate: Gate, registry: Registry, alias: str = CHAMPION) -> Target:
    live = _compared_with(version, alias, registry)
    return Target(
        version.environment.get("packages", {}),
        gate.memory_mb,
        None if live is None else live.signature,
        gate.new_signature,
    )


def told_to_process(version: ModelVersion, registry: Registry, run: str | None = None) -> dict[str, Any]:
    """Return what the process that judges has to know of a version."""
    try:
        trusted = registry.origin(version, run).get("trusted", ())
    except MlopsNbError:
        # Its run is gone: nobody says which types beyond the usual may be constructed.
        trusted = ()
    return {
        "artifact": version.artifact,
        "trusted": list(trusted),
        "signature": dict(version.signature),
        "sample_input": version.sample_input,
    }
