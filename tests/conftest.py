from __future__ import annotations

import os
import signal
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import psutil
import pytest

from mlops_nb.execution.kernels.templates import Templates
from tests.postgresql import NoServerError, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

SESSION = "TEST_SESSION_OF_MLOPS_NB"
GIT_CONFIG = """\
[user]
    name = A Person
    email = person@example.org
[init]
    defaultBranch = main
"""


# The tests of these are spread over the workers by the first word of their parameter.
SPREAD = (
    "tests/cases/test_fidelity.py",
    "tests/cases/test_random_programs.py",
    "tests/docs/test_docs_run.py",
    "tests/examples/",
    "tests/faults/test_kills.py",
)

# A browser, JupyterLab and a run are as much as two cores do at a time.
ONE_AT_A_TIME = "tests/browser/"

# How long an example takes says nothing on a busy machine.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    """Give the session a home of its own, before a library that looks for its settings there is imported.

    Ploomber, Jupyter, IPython, Matplotlib and git all read and write below the home directory: without this a person's
    settings would change what the tests see, and the tests would change a person's settings.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell without job control starts its background jobs so, and every command that a test starts would be deaf.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Short, because the path of a kernel's ipc socket must stay below 108 bytes.
    home = tempfile.TemporaryDirectory(prefix="mlops_nb-", ignore_cleanup_errors=True)
    Path(home.name, ".gitconfig").write_text(GIT_CONFIG, encoding="utf-8")
    environment = pytest.MonkeyPatch()
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "XDG_CONFIG_HOME"):
        environment.delenv(name, raising=False)
    environment.setenv("HOME", home.name)
    environment.setenv("MPLBACKEND", "agg")
    # Where the templates of forked kernels live: this session's are its own, and end with it.
    environment.setenv("XDG_RUNTIME_DIR", home.name)
    # Kept from session to session: Matplotlib needs seconds to list the fonts.
    environment.setenv("MPLCONFIGDIR", str(config.cache.mkdir("matplotlib")))
    environment.setenv(SESSION, uuid.uuid4().hex)
    config.add_cleanup(home.cleanup)
    config.add_cleanup(environment.undo)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Keep the tests of a file on one worker, so that what a file prepares once is prepared once.

    `--dist loadfile` would, were it not for the files whose parameters have nothing in common. (And `--dist loadgroup`
    sees no group with pytest 9.2.)
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):  # type: ignore[misc] # pytest-xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            file, _, test = nodeid.partition("::")
            if file.startswith(ONE_AT_A_TIME):
                return ONE_AT_A_TIME
            _, _, parameter = test.partition("[")
            return f"{file}[{parameter.rstrip(']').partition('-')[0]}" if file.startswith(SPREAD) else file

    # As collected: those that take long come first so, and no worker has a long file left when the others are done.
    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.fixture(scope="session", autouse=True)
def no_process_is_left_behind() -> Iterator[None]:
    """Fail the session when a kernel or a server that a test started outlives all tests, orphans included."""
    yield
    Templates().end()
    _, alive = psutil.wait_procs(list(_started_by_this_session()), timeout=10)
    told = [f"{process.pid}: {' '.join(process.cmdline())}" for process in alive]
    for process in alive:
        process.kill()
    assert not told, "processes were left behind:\n" + "\n".join(told)


def _started_by_this_session() -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            ours = process.environ().get(SESSION) == os.environ[SESSION] and process.pid != os.getpid()
            # joblib and multiprocessing keep their helpers for as long as the interpreter lives.
            if ours and not any(word in " ".join(process.cmdline()) for word in ("resource_tracker", "loky")):
                yield process
        except psutil.Error:
            continue


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """Start a PostgreSQL server; where there is none, tests that want one are skipped, but never in CI."""
    try:
        server = Server()
    except NoServerError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    yield server
    server.remove()
