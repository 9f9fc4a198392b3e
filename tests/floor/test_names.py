"""Names: what may reach a command line, a path or a page, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvmweb import names
from dvmweb.errors import UsageError

# threats.md C01, with the rule's own edges
HOSTILE = [
    "-f", "--debug", "-oProxyCommand=x", "a b", "a;b", "$(x)", "a\n", "a\0", "..", ".", "a/b", "A", "é", "\u0430",
    "a" * 31, "", "lima:x", "x:y", "a--b", "a-", "1a", "-a", "_a", "a_b", "a.yaml", "a\u0661",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_c01_hostile_name_is_refused_with_the_rule(text: str) -> None:
    with pytest.raises(UsageError, match="lowercase letter first"):
        names.vm_name(text)


@pytest.mark.parametrize("text", ["a", "app", "shop-api", "a1-2b", "a" * 30])
def test_a_good_name_comes_back_and_makes_an_instance(text: str) -> None:
    assert names.vm_name(text) == text
    assert names.instance_name(text) == f"dvm-{text}"
    assert names.vm_of_instance(f"dvm-{text}") == text


@given(st.text(max_size=35))
def test_every_accepted_name_is_one_plain_word(text: str) -> None:
    try:
        name = names.vm_name(text)
    except UsageError:
        return
    assert name.isascii()
    assert not set(name) - set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert "--" not in name
    assert name[0].isalpha()


@pytest.mark.parametrize("instance", ["default", "dvm-", "dvm-A", "dvmtrash-app", "dvm-" + "a" * 31])
def test_an_instance_that_is_not_ours_has_no_vm(instance: str) -> None:
    assert names.vm_of_instance(instance) is None


def test_a_name_that_does_not_fit_limas_socket_says_by_how_much() -> None:
    home = "/home/user/" + "x" * 50
    names.check_socket_path(home, "a" * 11)
    with pytest.raises(UsageError, match="1 characters too long"):
        names.check_socket_path(home, "a" * 12)


def test_ids_are_new_and_recognised() -> None:
    assert names.new_id() != names.new_id()
    assert names.is_id(names.new_id())
    assert not names.is_id("../" + "a" * 29)
    assert not names.is_id("A" * 32)
