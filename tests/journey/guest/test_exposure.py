"""`dvm exposure` on demo guests: tested from inside, with its time; nothing is claimed that was not tried."""

from __future__ import annotations

from tests.journey.driver import User, Vm


def test_what_a_vm_can_reach_is_tested_and_kept(user: User, app: Vm) -> None:
    user.dvm("exposure app --last").exits("not found", "not tested yet", "dvm exposure app")
    app.runs("printf 'STRIPE_API_KEY=hunter2\\n' > .env")
    shown = user.dvm("exposure app").succeeds().warns("Tested from inside the VM just now.")
    shown.prints("what app can reach", "STRIPE_API_KEY in .env", "a demo guest uses the file system of this computer")
    assert "hunter2" not in shown.out
    (facts,) = user.dvm("exposure app --last --json").succeeds().json
    results = {(one["who"], one["kind"]): one["result"] for one in facts["findings"]}
    assert results["user", "mounts"] == "unknown"  # never green where nothing was tried
    assert results["user", "tokens"] == "open"
    assert ("agent", "host") not in results  # it has no agent
    user.dvm("stop app").succeeds()
    user.dvm("exposure app").exits("check failed", "dvm start app")
    user.dvm("exposure app --last").succeeds()
    user.dvm("exposure nothing").exits("not found")


def test_a_vm_with_an_agent_is_tested_for_its_agents_too(user: User, app: Vm) -> None:
    """In the demo no agent runs, and that is what is shown: not tested, for every line."""
    user.dvm("config set app recipes claude").succeeds()
    (facts,) = user.dvm("exposure app --json").succeeds().json
    agent = {one["kind"]: one["result"] for one in facts["findings"] if one["who"] == "agent"}
    assert set(agent.values()) == {"unknown"}
    assert "sudo" in agent
