"""The process that judges a model: `main` reads one request from standard input and answers in lines of JSON.

1. `probe`: the modules that the model's file names are looked for, the model is loaded, and predicts its sample input;
   what was missing, what was raised, how much memory it took, which packages it needs.
2. `verdicts`: the model is asked for the evaluation data, so is the champion, and the judges decide.

A request without an evaluation ends after the first.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import ArtifactStore, load_table, model_modules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops_nb.execution.judging.asking import StoredModel
    from mlops_nb.validation import Verdict


def main() -> None:
    """Answer the request on standard input."""
    request = json.load(sys.stdin)
    # What models and their libraries print, those in C too, must not be taken for an answer.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as out:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        for told in answers(request):
            out.write(json.dumps(told) + "\n")
            out.flush()


def answers(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the answers to a request."""
    store = ArtifactStore(request["store"])
    told, estimator = _probe(request["candidate"], store, allow_pickle=request["allow_pickle"])
    yield {"probe": told}
    if request.get("evaluation") is not None and estimator is not None:
        try:
            verdicts = [verdict.to_json() for verdict in _judge(request, store, estimator)]
        except Exception as error:  # noqa: BLE001 - the models' own code runs
            yield {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
        else:
            yield {"verdicts": verdicts}


def _probe(told: Mapping[str, Any], store: ArtifactStore, *, allow_pickle: bool) -> tuple[dict[str, Any], Any]:
    found: dict[str, Any] = {"missing": [], "error": "", "stage": "load", "packages": {}, "python": _python()}
    estimator = None
    try:
        found["missing"] = _missing(model_modules(store.get(told["artifact"])))
        if not found["missing"]:
            from mlops_nb.execution.judging.asking import StoredModel

            model = StoredModel.from_json(told)
            loaded = model.load(store, allow_pickle=allow_pickle)
            found["stage"] = "predict"
            if model.sample_input is not None:
                found |= _predicted(model, loaded, store)
            estimator = loaded
    except ModuleNotFoundError as error:
        found["missing"] = [str(error.name)]
    except Exception as error:  # noqa: BLE001 - the model's own code runs
        found["error"] = str(error) if hasattr(error, "hint") else f"{type(error).__name__}: {error}"
    found["peak_bytes"] = _peak_bytes()
    found["packages"] = _packages()
    return found, estimator


def _predicted(model: StoredModel, loaded: Any, store: ArtifactStore) -> dict[str, Any]:
    import numpy as np

    from mlops_nb.execution.judging.asking import one_thread

    rows = load_table(store.get(str(model.sample_input)))
    with one_thread():
        answer = np.asarray(loaded.predict(rows) if hasattr(loaded, "predict") else loaded.transform(rows))
    return {"rows": len(rows), "shape": [-1, *answer.shape[1:]], "dtype": str(answer.dtype)}


def _missing(modules: set[str]) -> list[str]:
    from importlib.util import find_spec

    def is_there(name: str) -> bool:
        try:
            return find_spec(name) is not None
        except (ImportError, ValueError):
            return name in sys.modules

    gone = {name.partition(".")[0] for name in modules if not is_there(name.partition(".")[0])}
    return sorted(gone)


def _packages() -> dict[str, str]:
    """Return the installed packages that were imported, with their versions."""
    from importlib.metadata import PackageNotFoundError, packages_distributions, version

    imported = {name.partition(".")[0] for name in sys.modules}
    found: dict[str, str] = {}
    for module, names in packages_distributions().items():
        for name in names if module in imported else ():
            try:
                found[name.replace("_", "-").lower()] = version(name)
            except PackageNotFoundError:
                continue
    return found


def _peak_bytes() -> int:
    try:
        import resource
    except ImportError:
        import psutil

        return int(psutil.Process().memory_info().rss)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


def _python() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def _judge(request: Mapping[str, Any], store: ArtifactStore, estimator: Any) -> Iterator[Verdict]:
    from mlops_nb.execution.judging.asking import StoredModel, answer, stored_table
    from mlops_nb.validation import Finding, Verdict
    from mlops_nb.validation.behaviour import judge_behaviour
    from mlops_nb.validation.gate import Gate
    from mlops_nb.validation.performance import judge_comparison, judge_metrics
    from mlops_nb.validation.slices import judge_slices

    gate, told = Gate.from_json(request["gate"]), request["evaluation"]
    subject, evidence = request["subject"], request["evidence"]
    features, target = told["features"], told["target"]
    candidate = StoredModel.from_json(request["candidate"])
    table = stored_table(store, told["evaluation"]["artifact"])
    asked = answer(estimator, candidate.rows(table, features), table[target])
    training = None
    # Training data is not kept for ever; its metrics are told when it is there.
    if told.get("training") is not None and store.has(told["training"]["artifact"]):
        learned = stored_table(store, told["training"]["artifact"])
        training = answer(estimator, candidate.rows(learned, features), learned[target])
    yield judge_metrics(subject, gate, asked, request["known"], evidence, training)
    baseline, compared = None, True
    if request.get("champion") is not None:
        champion = StoredModel.from_json(request["champion"])
        try:
            loaded = champion.load(store, allow_pickle=request["allow_pickle"])
            baseline = answer(loaded, champion.rows(table, features), table[target])
        except Exception as error:  # noqa: BLE001 - the champion's own code runs
            compared = False
            text = f"The {gate.compare} cannot be scored on the evaluation data: {type(error).__name__}: {error}."
            # Where the signature is to change it cannot be otherwise, and the bounds of the metrics decide alone.
            finding = Finding("CANNOT_SCORE_CHAMPION", gate.compare, text, "warning" if gate.new_signature else "error")
            decision = "pass" if gate.new_signature else "refuse"
            yield Verdict("model-comparison", subject, decision, (finding,), evidence)  # type: ignore[arg-type]
    if compared and gate.compare != "none":
        yield judge_comparison(subject, gate, asked, baseline, evidence)
    if gate.slices.columns:
        yield judge_slices(subject, gate, table.drop(columns=target), asked, baseline, evidence)
    if request.get("behaviour", True):
        rows = table[features]
        yield judge_behaviour(
            subject,
            gate,
            rows,
            asked,
            lambda harmed, truth: answer(estimator, candidate.rows(harmed, features), truth),
            evidence,
        )
