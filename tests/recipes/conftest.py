"""The guest of tests/guest, in which recipes run, too."""

from __future__ import annotations

from tests.guest.conftest import distribution, guest, ordinary, paths

__all__ = ["distribution", "guest", "ordinary", "paths"]
