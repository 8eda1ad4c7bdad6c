"""From a notebook's cells to steps, what each reads and writes, and the edges between them."""

from mlops_nb.steps.flow import Flow, Place
from mlops_nb.steps.graph import PRELUDE_STEP, StepGraph, read_steps
from mlops_nb.steps.literals import as_source
from mlops_nb.steps.own_code import binding_code, import_folders, written_modules
from mlops_nb.steps.parameter_options import coerce_text, from_cli
from mlops_nb.steps.parameter_values import ParameterError, ParameterValue, resolve_parameters
from mlops_nb.steps.parameters import Parameter, read_parameters
from mlops_nb.steps.step import Edge, Step
from mlops_nb.steps.texts import texts, variables_read

__all__ = [
    "PRELUDE_STEP",
    "Edge",
    "Flow",
    "Parameter",
    "ParameterError",
    "ParameterValue",
    "Place",
    "Step",
    "StepGraph",
    "as_source",
    "binding_code",
    "coerce_text",
    "from_cli",
    "import_folders",
    "read_parameters",
    "read_steps",
    "resolve_parameters",
    "texts",
    "variables_read",
    "written_modules",
]
