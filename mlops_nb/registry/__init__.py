"""Models, their versions and aliases; promotion on evidence; a version written out for use elsewhere."""

from mlops_nb.registry.evidence import (
    BY_EVIDENCE,
    CANDIDATE,
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    Evidence,
    NotProven,
    evidence_of,
)
from mlops_nb.registry.proposal import Proposal
from mlops_nb.registry.registry import LATEST, Registry
from mlops_nb.registry.writing import write_version

__all__ = [
    "BY_EVIDENCE",
    "CANDIDATE",
    "CHALLENGER",
    "CHAMPION",
    "LATEST",
    "PREVIOUS",
    "Evidence",
    "NotProven",
    "Proposal",
    "Registry",
    "evidence_of",
    "write_version",
]
