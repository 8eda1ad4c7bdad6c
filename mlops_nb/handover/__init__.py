"""The state that crosses a step boundary, and the code that carries it inside a step's kernel."""

from mlops_nb.handover.ambient import STREAMS
from mlops_nb.handover.asked import EVERY_VARIABLE
from mlops_nb.handover.covariables import CAME_BACK_DIFFERENT, Process, described, freeze, thaw, variables
from mlops_nb.handover.kernel import EVIDENCE_MIME, CameBackDifferent, begin, end, go_on, prepare
from mlops_nb.handover.links import LINK, link_target
from mlops_nb.handover.pickling import Identities
from mlops_nb.handover.process_bound import ACTS_AT_ITS_END, CannotLeaveProcess
from mlops_nb.handover.state import Covariable, Delta, State

__all__ = [
    "ACTS_AT_ITS_END",
    "CAME_BACK_DIFFERENT",
    "EVERY_VARIABLE",
    "EVIDENCE_MIME",
    "LINK",
    "STREAMS",
    "CameBackDifferent",
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
    "link_target",
    "prepare",
    "thaw",
    "variables",
]
