"""A secret on its way: asked for where a sync needs it, given to that one job, kept nowhere on this computer."""

from __future__ import annotations

import hashlib
import os

import psutil
import pytest

from dvmweb.verbs.recipes.requirements import Secret
from dvmweb.verbs.vms import Vms
from dvmweb.web.jobs import secret_fields
from tests.web import demo
from tests.web.conftest import Browser
from tests.web.demo import DvmHome, finished
from tests.web.drawn import Drawn

dvm_home, guests_work = demo.dvm_home, demo.guests_work
CANARY = "s3cret-canary-9d"
# It waits half-way for the test to look at all that runs, and leaves only a checksum in the guest.
AGENT = """#!/usr/bin/env bash
# /// recipe
# summary: An agent
# params:
#   token: {label: Token, secret: true, help: From its maker}
#   other_token: {label: Another, secret: true}
# ///
set -euo pipefail
sha256sum <"$DVM_TOKEN_FILE" >~/sum
echo ready >~/ready
until [ -e ~/go-on ]; do sleep 0.1; done
[ "${FAIL:-}" = "" ] || exit 3
"""


@pytest.fixture
def forked_programs() -> None:
    """None here: the variables of a fork cannot be seen from outside."""


def put(dvm_home: DvmHome, text: str = AGENT) -> None:
    folder = dvm_home.paths.local_recipes
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / "agent.sh").write_text(text)
    config = dvm_home.paths.vm_config("app")
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text("baseline: false\nrecipes: [agent]\n")


def places(dvm_home: DvmHome) -> list[str]:
    """Where on this computer the canary can be read: files of the home, argv and environment of every process."""
    found = [str(path) for path in dvm_home.home.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), *process.environ().values()]
        except psutil.Error:
            continue
        if process.pid != os.getpid() and any(CANARY in word for word in words):
            found.append(f"process {process.pid}")
    return [place for place in found if "/secrets/" not in place]  # the guest's own file, while its recipe runs


@pytest.mark.usefixtures("guests_work")
def test_g06_a_sync_asks_for_its_secret_and_keeps_it_nowhere(client: Browser, dvm_home: DvmHome, vms: Vms) -> None:
    put(dvm_home)
    job = finished(vms, client.post("/vms/app/sync"))
    assert (job.state, job.failure.kind if job.failure else "") == ("failed", "SecretNeeded")
    assert "failed" not in [step.state for step in job.steps]  # it answered, and no recipe was tried
    assert {step.title: step.state for step in job.steps}[
        "Write VM identity"
    ] == "done"  # else it would look unreachable
    asking = client.get(f"/jobs/{job.id}").text
    form = Drawn(asking, "give-secret")
    assert {name for name, _ in form.sent} == {"csrf", "secret.token", "secret.other_token"}
    assert "next-again" not in asking  # it would end in the same way
    assert asking.count(" required") == 2

    data = form.values(**{"secret.token": CANARY, "secret.other_token": "x"})
    answer = client.post(form.action.removeprefix(client.sessions.prefix), data=data)
    again = vms.job(answer.headers["Location"].rsplit("/", 1)[-1])
    dvm_home.guest("app", "until [ -e ~/ready ]; do sleep 0.1; done")
    assert places(dvm_home) == []
    dvm_home.guest("app", "touch ~/go-on")
    assert finished(vms, answer).state == "succeeded"
    assert dvm_home.guest("app", "cat ~/sum").split()[0] == hashlib.sha256(CANARY.encode()).hexdigest()
    assert places(dvm_home) == []
    pages = (
        f"/jobs/{again.id}",
        f"/jobs/{again.id}/download",
        "/vms/app",
        "/vms/app?tab=commands&all=1",
        "/vms/app/edit",
    )
    assert not [path for path in pages if CANARY in client.get(path).text]
    assert "The recipe is already applied: enter it only" in client.get("/vms/app").text
    assert finished(vms, client.post("/vms/app/sync")).state == "succeeded"  # unchanged: nobody is asked


@pytest.mark.usefixtures("guests_work")
def test_g06_a_recipe_that_fails_tells_no_secret(client: Browser, dvm_home: DvmHome, vms: Vms) -> None:
    put(dvm_home, AGENT.replace("until [ -e ~/go-on ]; do sleep 0.1; done", 'FAIL=1; env; ls "${DVM_TOKEN_FILE%/*}"'))
    data = {"secret.token": CANARY, "secret.other_token": "x", "fresh": "1"}
    job = finished(vms, client.post("/vms/app/sync", data=data))
    assert job.state == "failed"
    assert places(dvm_home) == []
    assert CANARY not in client.get(f"/jobs/{job.id}").text
    assert CANARY not in client.get("/").text


def test_a_secret_that_nobody_takes_is_refused_and_not_repeated(client: Browser, dvm_home: DvmHome, vms: Vms) -> None:
    put(dvm_home, "#!/usr/bin/env bash\n# /// recipe\n# summary: x\n# ///\ntrue\n")
    answer = client.post("/vms/app/sync", data={"secret.nobody": CANARY})
    assert answer.status_code == 422
    assert "takes a secret" in answer.text
    assert CANARY not in answer.text
    assert places(dvm_home) == []


def test_one_secret_of_two_recipes_is_one_input() -> None:
    one = Secret("token", "Token", "", ("claude", "codex"), is_needed=True)
    (field,) = secret_fields.fields([one])
    assert (field.field, field.recipes, field.is_required) == ("secret.token", "claude and codex", True)


def test_nobody_must_type_a_secret_that_the_guest_may_have() -> None:
    kept = Secret("token", "Token", "", ("cloudflared",), is_needed=True, is_kept=True)
    (field,) = secret_fields.fields([kept])
    assert not field.is_required
    assert "Kept in the guest" in field.note


def test_the_page_of_a_vm_has_an_input_for_each_secret(client: Browser, dvm_home: DvmHome) -> None:
    put(dvm_home)
    form = client.get("/vms/app").text
    assert form.count('type="password"') == 2
    assert 'autocomplete="new-password"' in form
    assert "From its maker" in form
