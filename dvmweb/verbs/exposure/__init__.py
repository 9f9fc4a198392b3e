"""What a VM and its agents can reach: tested live from inside, stored with its time."""

from dvmweb.verbs.exposure.testing import last, test

__all__ = ["last", "test"]
