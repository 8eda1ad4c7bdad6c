"""Any version of a model is scored on other data than it was judged on, and the score is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError, did_you_mean
from mlops_nb.lifecycle.judging import Judged, court_of, told_to_process
from mlops_nb.metadata import Artifact
from mlops_nb.registry import Registry
from mlops_nb.validation import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from mlops_nb.metadata import ModelVersion
    from mlops_nb.project import Project

SCORE = "model-score"


@dataclass(frozen=True)
class Asked:
    """What to score a version by.

    `target` is the column with the truth, that of the version's gate when empty; `metrics` and `slices` (columns, or
    several joined by `&`) those of its gate when empty. With `allow_pickle` a version that is a pickle may be read.
    """

    target: str = ""
    metrics: Sequence[str] = ()
    slices: Sequence[str] = ()
    allow_pickle: bool = False


def score(project: Project, model: str, which: str, data: Path, asked: Asked | None = None) -> Judged:
    """Score a version on a file of rows with their truth; metrics, groups and intervals are recorded as a verdict.

    The verdict is no evidence for a promotion: what a model is promoted on is declared in its notebook.

    Parameters
    ----------
    project
        The project whose registry has the version.
    model, which
        The version.
    data
        A CSV or Parquet file with the columns that the model takes, and the truth.
    asked
        What to score it by.

    Raises
    ------
    UnknownRecord
        When there is no such version.
    UsageError
        When the file cannot be read or lacks a column, or nothing says what to measure.
    CannotJudge
        When the process that scores ended without an answer.
    """
    from mlops_nb.artifacts import dump_table
    from mlops_nb.execution.judging.process import CannotJudge, ask_process

    asked = asked or Asked()
    with project.log() as log:
        registry = Registry(log)
        version = registry.get(model, which)
        gate = registry.evidence(version).gate
        published = registry.origin(version).get("evaluation") or {}
        metrics = list(asked.metrics) or list(gate.get("metrics", {}))
        if not metrics:
            message = f"Nothing says by which metric to score {model} version {version.version}."
            raise UsageError(message, hint="Name one: --metric mae")
        table = _read(data, version)
        features = _features(table, version, data)
        target = _column(asked.target or str(published.get("target", "target")), table, data, "--target COLUMN")
        slices = [name.split("&") for name in asked.slices] or _known(gate, table)
        for name in {column for columns in slices for column in columns}:
            _column(name, table, data, "--slice COLUMN")
        court = court_of(project, log, version.run)
        kept = dump_table(table)
        digest, length = court.artifacts.put(kept.data)
        log.record_artifact(Artifact(digest, "dataset", data.resolve().as_uri(), length, "", kept.rows))
        request = {
            "store": court.artifacts.url,
            "subject": f"{model} {version.version}",
            "candidate": told_to_process(version, registry),
            "allow_pickle": asked.allow_pickle,
            "evaluation": {"evaluation": {"artifact": digest}, "features": features, "target": target},
            "gate": {
                "metrics": {name: {} for name in metrics},
                "leads": metrics[0] if asked.metrics else gate.get("leads", metrics[0]),
                "compare": "none",
                **({"slices": {"columns": slices}} if slices else {}),
            },
            "known": {},
            "evidence": {"model_digest": version.digest, "data": digest, "file": data.name, "rows": len(table)},
            "behaviour": False,
        }
        answered = ask_process(request, court.folder)
        told = answered.probe or {}
        wrong = told.get("judging_error") or told.get("error") or ", ".join(told.get("missing", ()))
        if not answered.verdicts:
            message = f"{model} version {version.version} cannot be scored on {data}: {wrong}."
            raise CannotJudge(message, hint=f"mlops-nb probe {model} {version.version} shows whether it can be loaded.")
        verdict = _together([Verdict.from_json(item) for item in answered.verdicts], asked)
        log.add_verdict(verdict.to_json(), model=model, version=version.version)
    return Judged(version, (verdict,))


def _together(verdicts: Sequence[Verdict], asked: Asked) -> Verdict:
    undefined = [finding for item in verdicts for finding in item.findings if finding.code == "METRIC_NOT_FOUND"]
    if undefined and asked.metrics:
        from mlops_nb.validation.metrics import METRICS

        message = f"There is no metric `{undefined[0].subject}`.{did_you_mean(undefined[0].subject, METRICS)}"
        raise UsageError(message, hint=f"There are {', '.join(METRICS)}, and scikit-learn's scorers.")
    evidence = {name: value for item in verdicts for name, value in item.evidence.items()}
    findings = tuple(finding for item in verdicts for finding in item.findings)
    return Verdict(SCORE, verdicts[0].subject, "pass", findings, evidence)


def _read(data: Path, version: ModelVersion) -> pd.DataFrame:
    import pandas as pd

    times = [field["name"] for field in version.signature.get("inputs", ()) if field["dtype"].startswith("datetime")]
    try:
        if data.suffix.lower() in {".parquet", ".pq"}:
            return pd.read_parquet(data)
        table = pd.read_csv(data)
    except FileNotFoundError:
        message = f"There is no file {data}."
        raise UsageError(message, hint="Name a CSV or Parquet file with rows and their truth.") from None
    except (OSError, ValueError) as error:
        message = f"{data} cannot be read as a table: {error}."
        raise UsageError(message, hint="Name a CSV or Parquet file with rows and their truth.") from error
    return table.assign(**{name: pd.to_datetime(table[name]) for name in times if name in table.columns})


def _features(table: pd.DataFrame, version: ModelVersion, data: Path) -> list[str]:
    names = [str(field["name"]) for field in version.signature.get("inputs", ())]
    if not names:
        message = f"{version.model} version {version.version} has no signature: nobody knows which columns it takes."
        raise UsageError(message, hint="Declare `sample_input` in the output's settings.")
    return [_column(name, table, data, f"`mlops-nb models {version.model} {version.version}`") for name in names]


def _column(name: str, table: pd.DataFrame, data: Path, hint: str) -> str:
    if name not in table.columns:
        near = did_you_mean(name, map(str, table.columns))
        message = f"{data} has no column `{name}`.{near}"
        raise UsageError(message, hint=f"Its columns are {', '.join(map(str, table.columns))}; see {hint}.")
    return name


def _known(gate: Any, table: pd.DataFrame) -> list[list[str]]:
    """Return the groups of a gate that the table can be grouped by."""
    told = gate.get("slices", {}).get("columns", ())
    columns = [[item] if isinstance(item, str) else list(item) for item in told]
    return [names for names in columns if all(name in table.columns for name in names)]
