"""Values as bytes: fingerprints, what crosses step boundaries, open formats, the content-addressed store."""

from mlops_nb.artifacts.blob import CorruptArtifact, pack, unpack
from mlops_nb.artifacts.closed_files import closed_again, told_of_closed
from mlops_nb.artifacts.database_content import content_hash, database_hash
from mlops_nb.artifacts.dict_views import VIEWS, behind
from mlops_nb.artifacts.dispatching import MADE, implementations
from mlops_nb.artifacts.figure_constants import Place, constant_at, library_constants, put_constant
from mlops_nb.artifacts.fingerprint import CannotFingerprint, fingerprint, fingerprint_if_known
from mlops_nb.artifacts.fingerprint_code import by_body, code_globals, imported_as, made_by_hand, stateless
from mlops_nb.artifacts.fingerprint_data import memory_owner
from mlops_nb.artifacts.fingerprint_shown import buffers_of
from mlops_nb.artifacts.fingerprint_tensors import is_tensor, why_bound
from mlops_nb.artifacts.fingerprint_trace import MemoryPlace, Trace
from mlops_nb.artifacts.formats import JSON, PARQUET, PICKLE, PNG, SKOPS, SVG, CannotStore, type_name
from mlops_nb.artifacts.formats_figure import Picture, dump_figure
from mlops_nb.artifacts.formats_json import decode_json, dump_json, encode_json, load_json
from mlops_nb.artifacts.formats_model import Model, UntrustedModel, dump_model, load_model
from mlops_nb.artifacts.formats_pickle import is_pickle
from mlops_nb.artifacts.formats_signature import Signature, read_signature
from mlops_nb.artifacts.formats_table import Column, Table, describe_table, dump_table, load_table
from mlops_nb.artifacts.formats_trust import audit, model_modules, untrusted_types
from mlops_nb.artifacts.holdings import Holdings, Unfinished
from mlops_nb.artifacts.immutable_types import ON_HEAP, PLAIN, is_immutable
from mlops_nb.artifacts.of_process import KINDS_OF_PROCESS, held_by_process, one_of_process
from mlops_nb.artifacts.of_project import is_of_project, project_modules
from mlops_nb.artifacts.reducing import has_hooks, quiet_reduce
from mlops_nb.artifacts.store import ArtifactMissing, ArtifactStore, StoreUnwritable

__all__ = [
    "JSON",
    "KINDS_OF_PROCESS",
    "MADE",
    "ON_HEAP",
    "PARQUET",
    "PICKLE",
    "PLAIN",
    "PNG",
    "SKOPS",
    "SVG",
    "VIEWS",
    "ArtifactMissing",
    "ArtifactStore",
    "CannotFingerprint",
    "CannotStore",
    "Column",
    "CorruptArtifact",
    "Holdings",
    "MemoryPlace",
    "Model",
    "Picture",
    "Place",
    "Signature",
    "StoreUnwritable",
    "Table",
    "Trace",
    "Unfinished",
    "UntrustedModel",
    "audit",
    "behind",
    "buffers_of",
    "by_body",
    "closed_again",
    "code_globals",
    "constant_at",
    "content_hash",
    "database_hash",
    "decode_json",
    "describe_table",
    "dump_figure",
    "dump_json",
    "dump_model",
    "dump_table",
    "encode_json",
    "fingerprint",
    "fingerprint_if_known",
    "has_hooks",
    "held_by_process",
    "implementations",
    "imported_as",
    "is_immutable",
    "is_of_project",
    "is_pickle",
    "is_tensor",
    "library_constants",
    "load_json",
    "load_model",
    "load_table",
    "made_by_hand",
    "memory_owner",
    "model_modules",
    "one_of_process",
    "pack",
    "project_modules",
    "put_constant",
    "quiet_reduce",
    "read_signature",
    "stateless",
    "told_of_closed",
    "type_name",
    "unpack",
    "untrusted_types",
    "why_bound",
]
