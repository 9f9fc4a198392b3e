"""What `make test-bare` is told: README's packages, and which machines."""

from __future__ import annotations

import pytest

from tests.bare.machine import ALL, chosen, packages_in_readme
from tests.places import TOP


def test_readme_names_what_a_bare_machine_needs() -> None:
    assert packages_in_readme() == ("python3", "python3-venv", "git", "make", "ca-certificates")


def test_every_release_is_tried_with_both_places_for_temporary_files() -> None:
    assert [str(one) for one in ALL] == ["13-tmpfs", "13-disk", "12-tmpfs", "12-disk"]
    assert chosen("all") == ALL
    assert [str(one) for one in chosen("12-disk 13-tmpfs")] == ["12-disk", "13-tmpfs"]
    with pytest.raises(ValueError, match="no such root: 11-disk; there are: 13-tmpfs"):
        chosen("11-disk")


def test_ci_runs_one_on_every_run() -> None:
    assert "make test-bare BARE=13-tmpfs" in (TOP / ".ci" / "run").read_text()
