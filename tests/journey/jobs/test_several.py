"""Several VMs with one command: bounded, one table, one exit code; and those that nobody uses are stopped."""

from __future__ import annotations

import json

import pytest

from dvmweb.jobs import job_record
from dvmweb.records import last_use
from tests.journey.cli.home import until
from tests.journey.driver import User, Vm

pytestmark = pytest.mark.slow


def results(user: User, line: str, how: str = "ok") -> dict[str, str]:
    """Run it with --json; VM to result."""
    found = json.loads(user.dvm(f"{line} --json").exits(how).out)
    return {one["name"]: one["result"] for one in found}


def test_several_vms_are_started_synced_stopped_and_restarted_with_one_command(user: User, app: Vm) -> None:
    for name in ("bee", "cat"):
        user.dvm(f"init {name}").succeeds()
    done = user.dvm("sync app bee cat bee").succeeds()
    assert done.out.splitlines()[0].endswith(": done")
    assert [line.split()[:2] for line in done.out.splitlines()[-3:]] == [
        [name, "done"] for name in ("app", "bee", "cat")
    ]
    assert results(user, "stop app bee") == {"app": "done", "bee": "done"}
    user.vm("cat").shows(status="Running")
    assert results(user, "start --all") == {"app": "done", "bee": "done"}
    assert results(user, "restart bee cat") == {"bee": "done", "cat": "done"}
    assert [job.facts["verb"] for job in user.jobs[:4]].count("restart") == 2
    user.dvm("restart app").succeeds().prints("Stop VM", "Start VM")
    user.dvm("sync --all --dry-run").succeeds().prints("app:", "bee:", "cat:", "Check instance")
    assert results(user, "stop --all") == {"app": "done", "bee": "done", "cat": "done"}
    user.dvm("stop --all").succeeds().prints("There is nothing to do.")


def test_one_that_fails_does_not_hold_up_the_others_and_gives_the_exit_code(user: User, app: Vm) -> None:
    user.dvm("init bad").succeeds()
    user.vm("bad").adds_to_config("cpus: none")
    refused = user.dvm("sync bad app").exits("usage error").prints("bad: failed", "app: done")
    assert [line.split()[:2] for line in refused.out.splitlines()[-2:]] == [["bad", "failed"], ["app", "done"]]
    user.dvm("init none").succeeds()
    assert results(user, "start none app", "not found") == {"none": "failed", "app": "done"}


def test_words_that_name_no_vm_or_two_things_are_refused_before_anything_is_done(user: User, app: Vm) -> None:
    user.dvm("stop").exits("usage error", "No VM was named.", "dvm stop --all")
    user.dvm("stop app --all").exits("usage error", "--all was given with names.")
    user.dvm("stop app other").exits("not found", "There is no VM other.")
    user.dvm("stop app --inactive").exits("usage error", "--inactive was given with names")
    user.dvm("sync app --json --secret a=-").exits("usage error", "--secret is for one VM")
    app.shows(status="Running")


def test_inactive_stops_only_what_nobody_uses(user: User, app: Vm) -> None:
    user.has_vm("bee")
    with last_use.session(user.paths, "app"):
        user.dvm("stop --inactive").succeeds().warns("app is not stopped: a command or a copy runs in it.")
    app.shows(status="Running")
    user.vm("bee").shows(status="Stopped")
    user.dvm("stop --inactive").succeeds()
    app.shows(status="Stopped")


def test_ctrl_c_cancels_what_runs_and_starts_nothing_more(user: User, app: Vm) -> None:
    names = ["app", *(f"v{number}" for number in range(4))]
    for name in names[1:]:
        user.dvm(f"init {name}").succeeds()
    user.engine_hangs("create")
    running = user.starts(f"sync {' '.join(names[1:])} --json")
    until(lambda: any(one.child is not None for one in job_record.newest_first(user.paths)))
    ended = running.is_interrupted().ends()
    assert '"not started"' in ended.out
    assert '"done"' not in ended.out
    ended.exits("cancelled")
    user.engine_works()
