"""The Dockerfile, read where there is no docker: its instructions, its sources, its user."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest

from tests.places import TOP

DOCKERFILE = TOP / "docker-test" / "Dockerfile"
KNOWN = {"FROM", "RUN", "COPY", "WORKDIR", "USER", "ENV", "CMD"}


def instructions() -> Iterator[tuple[str, str]]:
    """Each instruction with its words; comments go, continued lines are joined."""
    lines = [line for line in DOCKERFILE.read_text("utf-8").splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word, rest.strip()


def sources() -> list[str]:
    """What is copied from the checkout."""
    copies = [shlex.split(rest) for word, rest in instructions() if word == "COPY"]
    own = [words for words in copies if not any(word.startswith("--from=") for word in words)]
    return [source for words in own for source in [word for word in words if not word.startswith("--")][:-1]]


def test_every_instruction_is_known() -> None:
    assert {word for word, _ in instructions()} == KNOWN


@pytest.mark.parametrize("source", sources())
def test_every_source_exists(source: str) -> None:
    assert (TOP / source).exists(), f"docker-test/Dockerfile copies {source}, which is not there"


def test_stages_are_made_before_they_are_used() -> None:
    made: set[str] = set()
    for word, rest in instructions():
        for used in re.findall(r"--from=(\S+)", rest):
            assert used in made
        if word == "FROM":
            image, _, name = rest.partition(" AS ")
            assert image in made or ":" in image, f"{image} has no version"
            made.add(name)


def test_tests_run_as_an_ordinary_user() -> None:
    last = [word for word, rest in instructions() if word in ("USER", "CMD")]
    users = [rest for word, rest in instructions() if word == "USER"]
    assert last[-2:] == ["USER", "CMD"]
    assert users[-1] not in ("root", "0")


def test_every_shell_line_parses() -> None:
    lines = [rest for word, rest in instructions() if word == "RUN"]
    assert lines
    for line in lines:
        assert shlex.split(line)
