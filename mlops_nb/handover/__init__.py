"""The state that crosses a step boundary, and the code that carries it inside a step's kernel."""

from mlops_nb.handover.ambient import STREAMS
from mlops_nb.handover.covariables import Process, described, freeze, thaw, variables
from mlops_nb.handover.kernel import EVIDENCE_MIME, begin, end, go_on, prepare
from mlops_nb.handover.pickling import CannotLeaveProcess, Identities
from mlops_nb.handover.state import Covariable, Delta, State

__all__ = [
    "EVIDENCE_MIME",
    "STREAMS",
    "CannotLeaveProcess",
    "Covariable",
    "Delta",
    "Identities",
    "Process",
    "State",
    "begin",
    "described",
    "end",
    "freeze",
    "go_on",
    "prepare",
    "thaw",
    "variables",
]
