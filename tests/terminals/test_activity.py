"""When a terminal counts as used: keys, and what they began; not a prompt, a drawn window, or a VM's last words."""

from __future__ import annotations

from dvmweb.records import last_use
from dvmweb.terminals import client
from dvmweb.terminals.keeper.activity import REDRAW, SETTLED, Activity
from tests.terminals.conftest import DvmHome, eventually

NOW = 1000.0


def test_keys_count_at_once() -> None:
    activity = Activity()
    activity.typed(NOW)
    assert activity.done_at == NOW


def test_the_prompt_of_a_shell_that_was_never_typed_into_does_not_count() -> None:
    activity = Activity()
    activity.printed(NOW, 0.0, is_agent=False)
    activity.settle(NOW + 60, has_ended=False)
    assert activity.done_at == 0.0


def test_what_keys_began_counts_as_long_as_it_goes_on() -> None:
    activity = Activity()
    activity.typed(NOW)
    for second in range(60, 120):
        activity.printed(NOW + second, 0.0, is_agent=False)
        activity.settle(NOW + second, has_ended=False)
    assert NOW + 119 - activity.done_at <= SETTLED + 1, "output that never pauses counts, too"


def test_an_agent_works_without_keys() -> None:
    activity = Activity()
    activity.printed(NOW, 0.0, is_agent=True)
    activity.settle(NOW + 1, has_ended=False)
    assert activity.done_at == 0.0, "it may be the last word of a VM that stops"
    activity.settle(NOW + SETTLED + 1, has_ended=False)
    assert activity.done_at == NOW + SETTLED + 1


def test_the_last_words_of_a_vm_that_stops_do_not_count() -> None:
    activity = Activity()
    activity.typed(NOW)
    activity.printed(NOW + 60, 0.0, is_agent=False)
    activity.settle(NOW + 61, has_ended=True)
    activity.settle(NOW + 120, has_ended=True)
    assert activity.done_at == NOW


def test_a_window_of_another_size_is_no_work() -> None:
    activity = Activity()
    activity.typed(NOW)
    activity.printed(NOW + 60 + REDRAW / 2, NOW + 60, is_agent=True)
    activity.settle(NOW + 120, has_ended=False)
    assert activity.done_at == NOW


# -- the keeper says it ------------------------------------------------------------------------------------------------


def test_the_keeper_notes_what_is_typed_and_nothing_else(dvm_home: DvmHome) -> None:
    dvm_home.paths.vm_state("app").mkdir(parents=True, mode=0o700)
    dvm_home.keeper()
    terminal, viewer = dvm_home.shell()
    viewer.read_until(b"$ ")
    viewer.close()
    watching = dvm_home.viewer(terminal, None, cols=100)
    watching.connection.send(b"\x1b[I")  # the window has the focus
    watching.connection.send(b"\x1b[12;40R")
    watching.connection.control(do="resize", cols=60, rows=20)
    watching.read_until(b"$ ")
    other, second = dvm_home.shell()  # its answer comes after all that
    second.read_until(b"$ ")
    assert last_use.read(dvm_home.paths, "app") == last_use.Use(), "it was only looked at"
    second.type("true\n")
    eventually(lambda: last_use.read(dvm_home.paths, "app").mark != "")
    first = last_use.read(dvm_home.paths, "app").mark
    second.type("exit\n")
    second.wait_for("exit")
    eventually(lambda: last_use.read(dvm_home.paths, "app").mark != first)
    client.close(dvm_home, terminal)
    assert other != terminal


def test_the_keeper_notes_an_agent_that_works_by_itself(dvm_home: DvmHome) -> None:
    dvm_home.paths.vm_state("busy").mkdir(parents=True, mode=0o700)
    dvm_home.keeper()
    client.open_terminal(dvm_home, "busy", command="claude")
    eventually(lambda: last_use.read(dvm_home.paths, "busy").mark != "", 30)
