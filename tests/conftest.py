"""What holds for every test: no example of hypothesis has a time limit, for a busy machine is no fault of ours."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("dvm", deadline=None)
settings.load_profile("dvm")
