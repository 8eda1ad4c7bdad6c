"""A model card (Mitchell et al., "Model Cards for Model Reporting", 2019): one version on one page, from the record.

Everything in it was recorded when the version was made and judged; nothing is asked of a person, and what was not
recorded is said to be missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError
from mlops_nb.report.model_figures import draw_calibration, draw_slices

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.metadata import ModelVersion
    from mlops_nb.registry import Evidence, Registry

CARD, CALIBRATION, SLICES = "model_card.md", "calibration.svg", "slices.svg"
_SHORT = 12
_SHOWN_PACKAGES = ("scikit-learn", "numpy", "pandas", "scipy", "skops")


def write_card(registry: Registry, version: ModelVersion, artifacts: ArtifactStore) -> dict[str, bytes]:
    """Return the model card of a version and its figures, by file name.

    Parameters
    ----------
    registry
        The registry that has it.
    version
        The version.
    artifacts
        The store, for the sizes of its data.
    """
    evidence = registry.evidence(version)
    by_judge = {verdict.judge: verdict.content for verdict in evidence.verdicts}
    measured: Mapping[str, Any] = _evidence(by_judge, "model-metrics")
    sliced, behaved = _evidence(by_judge, "model-slices"), _evidence(by_judge, "model-behaviour")
    try:
        origin = registry.origin(version, evidence.run)
    except MlopsNbError:
        origin = {}
    files: dict[str, bytes] = {}
    if behaved.get("calibration"):
        files[CALIBRATION] = draw_calibration(behaved["calibration"]).encode()
    if any(item["value"] is not None for item in sliced.get("slices", ())):
        whole = measured.get("metrics", {}).get(sliced["metric"])
        files[SLICES] = draw_slices(sliced["metric"], sliced["slices"], whole).encode()
    parts = [
        _head(version, origin),
        _data(origin, measured, artifacts),
        _metrics(version, measured, _evidence(by_judge, "model-comparison")),
        _slices(sliced, SLICES in files),
        _calibration(behaved, CALIBRATION in files),
        _verdicts(evidence),
        _limits(by_judge),
        _environment(version, _evidence(by_judge, "deployment")),
        _lineage(registry, version),
    ]
    files[CARD] = ("\n\n".join(part for part in parts if part) + "\n").encode()
    return files


def _evidence(by_judge: Mapping[str, Any], judge: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = by_judge.get(judge, {}).get("evidence", {})
    return found


def _head(version: ModelVersion, origin: Mapping[str, Any]) -> str:
    signature = version.signature
    answers = signature.get("classes")
    given = f"one of {', '.join(map(str, answers))}" if answers else f"{signature.get('dtype', 'unknown')}"
    rows = [
        ("Version", str(version.version)),
        ("Made", f"{version.created:%Y-%m-%d %H:%M} UTC by {version.who}"),
        ("Kind", f"`{origin['estimator']}`" if origin.get("estimator") else "unknown"),
        ("Gives", f"`{signature.get('method', 'predict')}`: {given}"),
        ("Aliases", ", ".join(version.aliases) or "none"),
        ("Content", f"`{version.digest}`"),
    ]
    fields = [(f"`{item['name']}`", item["dtype"]) for item in signature.get("inputs", ())]
    takes = f"It takes:\n\n{_table(('field', 'type'), fields)}" if fields else "What it takes was not recorded."
    return f"# {version.model} {version.version}\n\n{_table(('', ''), rows)}\n\n{takes}"


def _data(origin: Mapping[str, Any], measured: Mapping[str, Any], artifacts: ArtifactStore) -> str:
    told = origin.get("evaluation") or {}
    if not told:
        return "## Data\n\nNo evaluation data was recorded."
    rows = []
    for name in ("evaluation", "training"):
        table = told.get(name)
        if table:
            there = "" if artifacts.has(table["artifact"]) else " (no longer in the store)"
            rows.append((name, str(table["rows"]), f"`{table['artifact'][:_SHORT]}`{there}"))
    leak = told.get("leak", {}).get("evidence", {})
    shared = (
        f" Of the evaluation rows, {leak['shared_rows']} have a twin among the {leak['training_rows']} training rows; "
        f"up to {leak['allowed_rows']} are explained by repetition in the training rows themselves."
        if "shared_rows" in leak
        else " Evaluation and training rows were not compared."
    )
    grouped = f" Columns to group by: {', '.join(f'`{name}`' for name in told['groups'])}." if told["groups"] else ""
    target = f"The truth is `{told['target']}`."
    return f"## Data\n\n{_table(('data', 'rows', 'content'), rows)}\n\n{target}{grouped}{shared}" + (
        "" if measured else " It was not judged."
    )


def _metrics(version: ModelVersion, measured: Mapping[str, Any], compared: Mapping[str, Any]) -> str:
    changes: Mapping[str, Any] = compared.get("changes", {})
    rows = []
    for name, told in measured.get("metrics", {}).items():
        training, change = told.get("training"), changes.get(name)
        rows.append(
            (
                f"`{name}`",
                _number(told["value"]),
                _interval(told),
                "" if training is None else _number(training),
                "" if change is None else f"{_number(change['improvement'])} ({_interval(change)})",
            )
        )
    head = ("metric", "value", "95 % interval", "on training rows", "better than the champion by")
    own = _table(head, rows) if rows else "It was not judged."
    others = [
        (f"`{name}`", _number(value)) for name, value in version.metrics.items() if isinstance(value, int | float)
    ]
    beside = f"\n\nWhat the run measured itself:\n\n{_table(('metric', 'value'), others)}" if others else ""
    return f"## Metrics\n\n{own}{beside}"


def _slices(sliced: Mapping[str, Any], drawn: bool) -> str:  # noqa: FBT001 - whether there is a figure
    if not sliced:
        return ""
    picture = f"![{sliced['metric']} by groups]({SLICES})\n\n" if drawn else ""
    rows = [
        (item["slice"], str(item["rows"]), _number(item["value"]), _interval(item))
        for item in sliced.get("slices", ())
        if item["value"] is not None
    ]
    confident = "Intervals hold for all groups together with a confidence of 95 %."
    return f"## Groups\n\n{picture}{_table(('group', 'rows', sliced['metric'], 'interval'), rows)}\n\n{confident}"


def _calibration(behaved: Mapping[str, Any], drawn: bool) -> str:  # noqa: FBT001
    if not drawn:
        return ""
    error = _number(behaved["calibration"]["error"])
    return f"## Calibration\n\n![what it said against what was true]({CALIBRATION})\n\nMean distance: {error}."


def _verdicts(evidence: Evidence) -> str:
    if not evidence.verdicts:
        return "## Verdicts\n\nNone: it may not be promoted."
    rows = [(verdict.judge, verdict.decision, str(verdict.id)) for verdict in evidence.verdicts]
    against = "".join(f"\n- {problem}" for problem in evidence.problems)
    may = f"\n\nIt may not be promoted:\n{against}" if against else "\n\nIt may be promoted."
    return f"## Verdicts\n\n{_table(('judge', 'decision', 'verdict'), rows)}{may}"


def _limits(by_judge: Mapping[str, Any]) -> str:
    told = [
        finding["message"]
        for judge, content in by_judge.items()
        if judge != "model-comparison"
        for finding in content.get("findings", ())
        if finding["code"] != "CALIBRATION"
    ]
    signs = "\n".join(f"- {message}" for message in told) or "- Nothing was recorded."
    return f"## Limits\n\n{signs}"


def _environment(version: ModelVersion, deployment: Mapping[str, Any]) -> str:
    packages: Mapping[str, str] = version.environment.get("packages", {})
    named = ", ".join(f"{name} {packages[name]}" for name in _SHOWN_PACKAGES if name in packages)
    peak = deployment.get("peak_bytes")
    memory = f" Loading it and predicting its sample rows took {peak / 2**20:.0f} MiB." if peak else ""
    return (
        f"## Environment\n\nPython {version.environment.get('python', '')} on "
        f"{version.environment.get('platform', '')}: {named}, {len(packages)} packages in all (`requirements.txt`)."
        f"{memory}"
    )


def _lineage(registry: Registry, version: ModelVersion) -> str:
    made = f"Run `{version.run}`, step `{version.step}`." if version.run else "It came from no run."
    again = registry.reproductions(version.model, version.version)
    reproduced = f" {len(again)} later runs came to the same content." if again else ""
    moves = [
        (f"{move.at:%Y-%m-%d %H:%M}", move.alias, move.who, move.why)
        for move in registry.alias_history(version.model)
        if move.version == version.version
    ]
    history = f"\n\n{_table(('when (UTC)', 'became', 'by', 'why'), moves)}" if moves else ""
    follow = f"\n\n`mlops-nb lineage {version.model}@{version.version}` follows what it was made from."
    return f"## Lineage\n\n{made}{reproduced}{history}{follow}"


def _interval(told: Mapping[str, Any]) -> str:
    return f"{_number(told['low'])} to {_number(told['high'])}" if "low" in told else ""


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    # A bar or a line break in a value would end its cell; an angle bracket could be markup to whoever renders it.
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(item) for item in row) + " |" for row in lines)


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
