"""What a step published: glued in its kernel by `glue`, read back from its executed notebook by `read`."""

from mlops_nb.scraps.glue import CannotPublish, publish, publish_spec
from mlops_nb.scraps.read import Reference, Scrap, read_scraps

__all__ = ["CannotPublish", "Reference", "Scrap", "publish", "publish_spec", "read_scraps"]
