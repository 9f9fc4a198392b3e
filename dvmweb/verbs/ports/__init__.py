"""Open, close and check ports of a VM while it runs."""

from dvmweb.verbs.ports.live import Done, add, move, remove
from dvmweb.verbs.ports.probing import checked

__all__ = ["Done", "add", "checked", "move", "remove"]
