"""Jobs by the book: which calls they make, in which order, what an answer leads to, and how they end."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvmweb.config.model import VmConfig
from dvmweb.plans import PlanInput
from tests.plans.given import config, plan_input
from tests.plans.playbook import Playbook


@pytest.fixture
def new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Playbook:
    """Nothing was synced yet."""
    return Playbook(tmp_path, monkeypatch)


@pytest.fixture
def book(new: Playbook) -> Playbook:
    """The VM was started by dvm before."""
    new.is_created()
    return new


def test_a_new_vm_and_a_sync_with_nothing_to_do(new: Playbook) -> None:
    new.plays(
        "sync",
        """
        > limactl list --tty=false --format '{{json .}}'
        < no instances
        # The lock of all VMs is held from here: nobody has made it meanwhile.
        > limactl list --tty=false --format '{{json .}}'
        < no instances
        > limactl create --tty=false --name=dvm-app LIMA_YAML
        < ok
        # What Lima made of it with its own global files.
        > limactl list --tty=false --format '{{json .}}'
        < app is Stopped
        > limactl start --tty=false --timeout=840s dvm-app
        < ok
        > limactl list --tty=false --format '{{json .}}'
        < app is Running
        > guest: state.sh
        < state: a new guest
        > guest: identity.sh
        < ok
        > guest: apply.sh baseline
        < ok
        > guest: apply.sh node
        < ok
        > guest: keys.sh
        < key: a new one
        > guest: code_dir.sh
        < ok
        > guest: work.sh
        < work: nothing found
        = succeeded
        """,
    )
    new.plays(
        "sync",
        """
        > limactl list --tty=false --format '{{json .}}'
        < app is Running
        > guest: state.sh
        < state: all is applied
        = succeeded
        """,
    )


def test_only_the_recipe_that_is_not_applied_runs_and_its_failure_ends_the_sync(book: Playbook) -> None:
    begin = """
        > limactl list --tty=false --format '{{json .}}'
        < app is Running
        > guest: state.sh
        < state: the recipe node is not applied
        > guest: apply.sh node
        """
    book.plays("sync", begin + "< exit 3: no network\n= failed: no network")
    book.plays("sync", begin + "< ok\n> guest: work.sh\n< work: nothing found\n= succeeded")


def test_a_create_that_fails_leaves_nothing_of_ours_and_nothing_of_others_is_deleted(new: Playbook) -> None:
    begin = """
        > limactl list --tty=false --format '{{json .}}'
        < no instances
        > limactl list --tty=false --format '{{json .}}'
        """
    new.plays("sync", begin + "< app is Stopped\n= failed: dvm-app")
    failed = """
        < no instances
        > limactl create --tty=false --name=dvm-app LIMA_YAML
        < exit 1: no image
        > limactl list --tty=false --format '{{json .}}'
        """
    new.plays("sync", begin + failed + "< no instances\n= failed: no image")
    new.plays("sync", begin + failed + "< app is Running\n= failed: no image")
    delete = "> limactl delete --tty=false dvm-app\n< ok\n"
    new.plays("sync", begin + failed + f"< app is Stopped and was never started\n{delete}= failed: no image")


def test_a_restart_whose_change_fails_leaves_the_vm_running(book: Playbook) -> None:
    book.plays(
        "sync",
        """
        > limactl list --tty=false --format '{{json .}}'
        < app is Running
        > limactl stop --tty=false dvm-app
        < ok
        > limactl edit --tty=false --set '.cpus = 4' dvm-app
        < exit 1: disk full
        > limactl list --tty=false --format '{{json .}}'
        < app is Stopped
        > limactl start --tty=false --timeout=840s dvm-app
        < ok
        > limactl list --tty=false --format '{{json .}}'
        < app is Running
        = failed: disk full
        ! app was started again
        """,
        given=bigger(),
        restart=True,
    )


def bigger() -> PlanInput:
    of: VmConfig = config(cpus=4)
    return plan_input(of)


def test_one_listing_that_fails_is_asked_again_and_a_dead_connection_is_made_anew(book: Playbook) -> None:
    book.plays(
        "sync",
        """
        > limactl list --tty=false --format '{{json .}}'
        < exit 1: not now
        > limactl list --tty=false --format '{{json .}}'
        < app is Running
        > guest: state.sh
        < no answer
        > ssh -O exit
        < ok
        > guest: state.sh (connection of its own)
        < state: all is applied
        > guest: work.sh
        < work: nothing found
        = succeeded
        """,
    )


def test_another_guest_that_answers_is_not_touched(book: Playbook) -> None:
    book.plays(
        "sync",
        """
        > limactl list --tty=false --format '{{json .}}'
        < app is Running
        > guest: state.sh
        < state: another guest
        = failed: lima-dvm-other
        """,
    )


def test_a_start_that_fails_and_a_machine_that_ends_while_its_guest_is_waited_for(book: Playbook) -> None:
    book.plays(
        "start",
        """
        > limactl list --tty=false --format '{{json .}}'
        < app is Stopped
        > limactl start --tty=false --timeout=840s dvm-app
        < exit 1: qemu went away
        > limactl list --tty=false --format '{{json .}}'
        < app is Stopped
        = failed: qemu went away
        """,
    )
    book.plays(
        "start",
        """
        > limactl list --tty=false --format '{{json .}}'
        < app is Running
        > guest: state.sh
        < no answer
        > ssh -O exit
        < ok
        > guest: state.sh (connection of its own)
        < no answer
        # Two listings: one odd one is not taken for the truth.
        > limactl list --tty=false --format '{{json .}}'
        < app is Stopped
        > limactl list --tty=false --format '{{json .}}'
        < app is Stopped
        = failed: `dvm start app`
        """,
    )


CHECKED_WHILE_STOPPED = """
        > limactl list --tty=false --format '{{json .}}'
        < app is Stopped
        > limactl start --tty=false --timeout=840s dvm-app
        < ok
        > limactl list --tty=false --format '{{json .}}'
        < app is Running
        > guest: state.sh
        < state: all is applied
        > guest: work.sh
        """


def test_a_check_leaves_a_stopped_vm_stopped_also_where_it_fails(book: Playbook) -> None:
    book.plays(
        "work",
        CHECKED_WHILE_STOPPED
        + """
        < work: 1 loose file
        > limactl stop --tty=false dvm-app
        < ok
        = succeeded
        """,
    )
    failed = book.plays(
        "work",
        CHECKED_WHILE_STOPPED
        + """
        < no answer
        > ssh -O exit
        < ok
        > guest: work.sh (connection of its own)
        < no answer
        > limactl list --tty=false --format '{{json .}}'
        < app is Running
        > limactl stop --tty=false dvm-app
        < ok
        = failed: Connection refused
        ! app was stopped again
        """,
    )
    always = [step for step in failed.steps if step.always]
    assert [step.always for step in always] == ["Running"], "the journal tells which step runs whatever happened"


def test_a_stop_checks_the_work_before_it_and_a_forced_one_asks_nobody(book: Playbook) -> None:
    book.plays(
        "stop",
        """
        > limactl list --tty=false --format '{{json .}}'
        < app is Running
        > guest: work.sh
        < work: nothing found
        > limactl stop --tty=false dvm-app
        < ok
        = succeeded
        """,
    )
    book.plays(
        "stop",
        """
        > limactl list --tty=false --format '{{json .}}'
        < app is Running
        > limactl stop --tty=false -f dvm-app
        < ok
        = succeeded
        """,
        force=True,
    )


def test_a_delete_is_refused_with_work_and_leaves_a_stopped_vm_stopped(book: Playbook) -> None:
    book.knows_its_guest()
    refused = book.plays(
        "delete",
        CHECKED_WHILE_STOPPED
        + """
        < work: 1 loose file
        > limactl list --tty=false --format '{{json .}}'
        < app is Running
        > limactl stop --tty=false dvm-app
        < ok
        = failed: 1 loose file
        ! app was stopped again
        """,
    )
    assert refused.is_refused


def test_a_delete_checks_then_stops_then_deletes_then_verifies(book: Playbook) -> None:
    book.knows_its_guest()
    begin = """
        > limactl list --tty=false --format '{{json .}}'
        < app is Running
        > guest: work.sh
        < work: nothing found
        > limactl stop --tty=false dvm-app
        """
    book.plays("delete", begin + "< exit 1: busy\n= failed: busy")
    delete = "< ok\n> limactl delete --tty=false dvm-app\n"
    book.plays("delete", begin + delete + "< exit 1: device busy\n= failed: device busy")
    gone = "< ok\n> limactl list --tty=false --format '{{json .}}'\n"
    book.plays("delete", begin + delete + gone + "< app is Stopped\n= failed: dvm-app still exists")
    book.plays("delete", begin + delete + gone + "< no instances\n= succeeded\n! app was deleted.")


def test_a_forced_delete_says_what_it_takes_along(book: Playbook) -> None:
    book.knows_its_guest()
    book.plays(
        "delete",
        """
        > limactl list --tty=false --format '{{json .}}'
        < app is Running
        > guest: work.sh
        < work: 1 loose file
        > limactl stop --tty=false dvm-app
        < ok
        > limactl delete --tty=false dvm-app
        < ok
        > limactl list --tty=false --format '{{json .}}'
        < no instances
        = succeeded
        ! 1 loose file, 1 bytes: note.txt
        """,
        force=True,
    )


def test_a_job_that_leaves_the_book_fails_with_both(book: Playbook) -> None:
    with pytest.raises(pytest.fail.Exception) as failed:
        book.plays(
            "stop",
            """
            > limactl list --tty=false --format '{{json .}}'
            < app is Running
            > limactl stop --tty=false dvm-app
            < ok
            = succeeded
            """,
        )
    assert "- limactl stop --tty=false dvm-app\n+ guest: work.sh" in str(failed.value)
    with pytest.raises(AssertionError, match="it succeeded"):
        book.plays("stop", "> limactl list --tty=false --format '{{json .}}'\n< app is Stopped\n= failed: x")
