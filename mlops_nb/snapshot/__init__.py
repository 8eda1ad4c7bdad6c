"""What a run stood on: notebook, parameters, the project's own modules, environment, commit, data, seed.

`take` keeps it in the artifact store when a run starts, `restore` puts it into an empty folder. Everything is read,
nothing is imported or executed.
"""

from mlops_nb.snapshot.content import (
    KIND,
    KeptFile,
    NoSnapshot,
    Snapshot,
    Sources,
    inside,
    keep,
    restore,
    snapshot_of,
    take,
    with_inputs,
)
from mlops_nb.snapshot.environment import (
    Environment,
    EnvironmentChange,
    environment_changes,
    packages_of,
    read_environment,
    requirements,
)
from mlops_nb.snapshot.files import file_hash, listing_hash
from mlops_nb.snapshot.git import git_state
from mlops_nb.snapshot.modules import module_closure, module_files

__all__ = [
    "KIND",
    "Environment",
    "EnvironmentChange",
    "KeptFile",
    "NoSnapshot",
    "Snapshot",
    "Sources",
    "environment_changes",
    "file_hash",
    "git_state",
    "inside",
    "keep",
    "listing_hash",
    "module_closure",
    "module_files",
    "packages_of",
    "read_environment",
    "requirements",
    "restore",
    "snapshot_of",
    "take",
    "with_inputs",
]
