"""What a request costs: `mlops-nb serve` against a service written by hand, and against the estimator alone."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import Chapter, Line, line
from benchmarks.timing import BIN, Sample, in_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATA = Path(__file__).resolve().parents[1] / "notebooks" / "data" / "taxis.csv"
COLUMNS = ["distance", "fare"]
BY_HAND, ALONE = "a service by hand", "the estimator alone"
MICRO = 1e6
# wrk's own language; one body for all requests.
SCRIPT = """\
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = io.open(os.getenv("BODY")):read("*a")
done = function(summary, latency, requests)
    local failed = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
    io.write(string.format("RESULT %d %d %d %d\\n", summary.requests, summary.duration, failed, latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class Service:
    """A running service: its process and the URL of its route."""

    process: int
    url: str


def measure(folder: Path, *, quick: bool) -> Chapter:
    """Measure requests for one row and for a hundred, by throughput and by the slowest percent of a lone client."""
    import joblib
    import pandas as pd
    from sklearn.linear_model import Ridge

    folder.mkdir(parents=True)
    rides = pd.read_csv(DATA)
    rows = rides[COLUMNS]
    model = Ridge().fit(rows, rides["tip"])
    _register(folder, model, rows)
    joblib.dump(model, folder / "model.joblib")
    (folder / "post.lua").write_text(SCRIPT, encoding="utf-8")
    bodies = {count: _body(folder / f"rows{count}.json", rows.head(count).to_dict("records")) for count in (1, 100)}
    tensors = [
        {"name": name, "shape": [1], "datatype": "FP64", "data": rows[name].head(1).tolist()} for name in COLUMNS
    ]
    inferred = _body(folder / "tensors.json", {"inputs": tensors})
    seconds, times = (2, 3) if quick else (5, 7)
    with _ours(folder) as ours, _by_hand(folder) as by_hand:
        infer = Service(ours.process, ours.url.replace("/predict", "/v2/models/tips/infer"))
        ask = partial(_ask, folder / "post.lua", seconds)
        found = in_turns(
            {
                "rows 1": partial(ask, ours, bodies[1], 8),
                "tensors 1": partial(ask, infer, inferred, 8),
                f"{BY_HAND} 1": partial(ask, by_hand, bodies[1], 8),
                "rows 100": partial(ask, ours, bodies[100], 8),
                f"{BY_HAND} 100": partial(ask, by_hand, bodies[100], 8),
                "p99": partial(ask, ours, bodies[1], 1, p99=True),
                f"{BY_HAND} p99": partial(ask, by_hand, bodies[1], 1, p99=True),
                ALONE: partial(_alone, model.predict, rows.head(1)),
            },
            times,
        )
    lines = [
        line("`/predict`, 1 row", found, "rows 1", f"{BY_HAND} 1"),
        line("V2 `infer`, 1 row", found, "tensors 1", f"{BY_HAND} 1"),
        line("`/predict`, 100 rows", found, "rows 100", f"{BY_HAND} 100"),
        line("`/predict`, 1 row, the slowest percent", found, "p99", f"{BY_HAND} p99"),
        line("`/predict`, 1 row, beside it", found, "rows 1", ALONE),
    ]
    told = tuple(
        Line(each.what, each.amount, re.sub(r" (?:1|100|p99)$", "", each.against), each.against_amount, each.cpu_ratio)
        for each in lines
    )
    how = (
        "A linear model of two columns. wrk asks over eight connections as fast as it is answered: microseconds are "
        "the time by the clock for each request, and processor time is that of the service's process. The slowest "
        "percent is that of a client alone. The service by hand (`bare_service.py`) reads rows by Pydantic into a "
        "frame; it checks no token, no host, no size, and says neither version nor run."
    )
    return Chapter("A request", how, told, "microseconds")


def _register(folder: Path, model: Any, rows: Any) -> None:
    from mlops_nb.artifacts import PARQUET, SKOPS, dump_model, dump_table
    from mlops_nb.metadata import Artifact, Candidate
    from mlops_nb.project import find_project
    from mlops_nb.registry import Registry

    (folder / "pyproject.toml").touch()
    project = find_project(folder)
    store = project.artifact_store()
    dumped = dump_model(model, sample_input=rows)
    assert dumped.signature is not None
    with project.log() as log:
        digests = []
        for data, kind in ((dumped.data, SKOPS), (dump_table(dumped.sample).data, PARQUET)):
            digest, length = store.put(data)
            log.record_artifact(Artifact(digest, "model", f"{store.url}/{digest}", length, kind))
            digests.append(digest)
        candidate = Candidate(digests[0], signature=dumped.signature.to_json(), sample_input=digests[1])
        Registry(log).register("tips", candidate)


def _body(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


@contextmanager
def _ours(folder: Path) -> Iterator[Service]:
    command = [str(BIN / "mlops-nb"), "serve", "tips", "latest", "--no-token", "--port", "0", "--json"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        yield Service(process.pid, f"{url}/predict")
        process.terminate()


@contextmanager
def _by_hand(folder: Path) -> Iterator[Service]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, str(Path(__file__).with_name("bare_service.py")), "model.joblib", str(port)]
    with subprocess.Popen(command, cwd=folder) as process:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ready").close()
                break
            except OSError:
                assert process.poll() is None
                time.sleep(0.1)
        yield Service(process.pid, f"http://127.0.0.1:{port}/predict")
        process.terminate()


def _ask(  # noqa: PLR0913 - what a load is
    script: Path, seconds: int, service: Service, body: Path, connections: int, *, p99: bool = False
) -> Sample:
    """Return the microseconds of a request, or of the slowest percent of them."""
    import psutil

    wrk = shutil.which("wrk")
    assert wrk, "wrk is not installed"
    process = psutil.Process(service.process)
    before = process.cpu_times()
    command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), service.url]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "BODY": str(body)})
    after = process.cpu_times()
    told = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+)", done.stdout)
    assert told, done.stdout
    requests, lasted_us, failed, slowest_us = map(int, told.groups())
    assert requests > 0
    assert failed == 0, done.stdout
    used = after.user + after.system - before.user - before.system
    return Sample(slowest_us if p99 else lasted_us / requests, used * MICRO / requests)


def _alone(act: Callable[[Any], object], rows: Any, times: int = 2_000) -> Sample:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(times):
        act(rows)
    return Sample((time.perf_counter() - wall) * MICRO / times, (time.process_time() - cpu) * MICRO / times)
