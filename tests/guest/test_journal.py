"""journal.sh: which journal it shows, and what it says where there is none."""

from __future__ import annotations

import pytest

from tests.guest.conftest import Guest, make_program


@pytest.fixture
def keeper(guest: Guest) -> Guest:
    """A guest with a journal and two units."""
    make_program(guest.fake / "bin/journalctl", 'printf "%s\\n" "$*"; printf "\\033[2Jraw\\n"')
    make_program(
        guest.fake / "bin/systemctl", '[ "$1 $2" = "cat --" ] && case $3 in dvm-llama | sshd) ;; *) exit 1 ;; esac'
    )
    return guest


def show(guest: Guest, units: str, **more: str) -> tuple[int, str, str]:
    done = guest.run("journal", {"DVM_UNITS": units, "DVM_LINES": "20", **more})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_the_last_lines_of_units(keeper: Guest) -> None:
    words = "--no-pager --output=short-iso --lines=20"
    assert show(keeper, "") == (0, f"{words}\n\033[2Jraw\n", "")
    assert show(keeper, "dvm-llama\nsshd")[1].startswith(f"{words} --unit=dvm-llama --unit=sshd\n")
    assert show(keeper, "sshd", DVM_FOLLOW="1")[1].startswith(f"{words} --unit=sshd --follow\n")


def test_no_such_unit(keeper: Guest) -> None:
    assert show(keeper, "dvm-llama\nnginx") == (66, "", "there is no unit nginx\n")


def test_a_demo_guest_keeps_none(keeper: Guest) -> None:
    keeper.make_demo()
    assert show(keeper, "") == (69, "", "this guest has no journal\n")
