"""The sandbox in a real guest: a stand-in agent behind the real launcher, and a hole that a sync finds.

The stand-in runs its arguments as a command: whatever an agent may try can be asked of it.
"""

from __future__ import annotations

import json
from typing import Any

from tests.lima.real.conftest import BOOT, RealDvmHome

RECIPE = r"""#!/usr/bin/env bash
# /// recipe
# summary: A stand-in for Claude
# category: agent
# needs: [agent-user]
# ///
set -euo pipefail
. "$DVM_LIB"
work=$(mktemp)
printf '%s\n' '#!/bin/bash' 'if [ "$1" = --bypass ]; then echo unattended >&2; shift; fi' '"$@"' >"$work"
as_root install -D -m 755 -- "$work" /usr/local/lib/dvm/claude/stand-in
agent_wrapper claude claude /usr/local/lib/dvm/claude/stand-in DVM_CLAUDE_BYPASS 1 --bypass
"""
BWRAP = "/usr/local/lib/dvm/agent/agent_bwrap.py"  # the mounts of the sandbox


def row(real: RealDvmHome) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in json.loads(real.ok("ls", "--json")) if one["name"] == "app")
    return found


def agent(real: RealDvmHome, *words: str) -> Any:
    return real.dvm("ssh", "app", "--", "claude", *words)


def test_01_the_sandbox_holds_in_a_new_vm(real: RealDvmHome) -> None:
    config = real.init("app")
    config.write_text(config.read_text() + "\nrecipes: [claude]\n")
    real.paths.local_recipes.mkdir(parents=True)
    (real.paths.local_recipes / "claude.sh").write_text(RECIPE)
    out = real.ok("sync", "app", timeout=BOOT)
    assert "Test agent sandbox" in out
    sandbox = row(real)["sandbox"]
    assert (sandbox["result"], sandbox["tested"][0]["name"]) == ("passed", "claude"), sandbox
    step = next(step for step in real.jobs()[0]["steps"] if step["title"] == "Test agent sandbox")
    print(f"\n{sandbox['summary']} in {step['ended'] - step['started']:.1f} s")


def test_02_an_agent_sees_its_project_and_nothing_of_the_user(real: RealDvmHome) -> None:
    real.guest("app", "cd ~/code/app && git init -q && echo it >file && echo secret >~/.bash_history")
    said = agent(real, "sh", "-c", "id -un; pwd; cat file; echo more >>file; ls -A /home; hostname")
    assert (said.code, said.out) == (0, "dvm-agent\n/workspace\nit\ndvm-agent\nagent\n"), said.err
    assert "unattended" in said.err
    assert real.guest("app", "cat ~/code/app/file") == "it\nmore\n"
    for attack in (
        "cat /home/dev/.bash_history",
        "cat /home/dev/.ssh/id_ed25519",
        "sudo -n true",
        "echo x >>.git/config",
        "mv .git .git2",
        "echo x >.git/hooks/pre-commit",
        "echo x >/usr/local/bin/claude",
        "cat /proc/1/environ | grep -q SSH_CONNECTION",
        "unshare -U true",
    ):
        assert agent(real, "sh", "-c", attack).code != 0, attack


def test_03_the_prompts_come_back_where_the_user_wants_them(real: RealDvmHome) -> None:
    said = real.dvm("ssh", "app", "--", "env", "DVM_CLAUDE_BYPASS=0", "claude", "true")
    assert (said.code, "unattended" in said.err) == (0, False)


def test_04_what_is_reached_is_found_from_inside_the_vm_and_from_inside_the_sandbox(real: RealDvmHome) -> None:
    """That `host` and `own` are open for an agent is today's state: its network is the VM's."""
    real.guest("app", "printf 'DEPLOY_TOKEN=x\n' >~/code/app/.env; printf '[x]\n' >~/.pypirc")
    (report,) = json.loads(real.ok("exposure", "app", "--json", timeout=BOOT))
    results: dict[tuple[str, str], list[str]] = {}
    for one in report["findings"]:
        results.setdefault((one["who"], one["kind"]), []).append(one["result"])
    print(*(" ".join(one.values()) for one in report["findings"]), sep="\n")
    expected = {"mounts": ["none"], "host": ["open"], "vms": ["none"], "keys": ["open"], "sudo": ["open"]}
    assert {kind: results["user", kind] for kind in expected} == expected
    expected = {"mounts": ["none"], "host": ["open"], "own": ["open"], "keys": ["none"]}
    assert {kind: results["agent", kind] for kind in expected} == expected
    assert results["agent", "sudo"] in (["closed"], ["none"])
    tokens = {
        who: [one["text"] for one in report["findings"] if (one["who"], one["kind"]) == (who, "tokens")]
        for who in ("user", "agent")
    }
    assert tokens == {"user": ["~/.pypirc", "DEPLOY_TOKEN in .env"], "agent": ["DEPLOY_TOKEN in .env"]}
    assert real.guest("app", "git -C ~/code/app status --porcelain .env") == "?? .env\n"


def test_05_a_hole_fails_the_next_sync_and_is_shown(real: RealDvmHome) -> None:
    hole = 's|words += \\["--bind", agent.pw_dir|words += ["--bind", "/home/dev", "/home/dev", "--bind", agent.pw_dir|'
    real.guest("app", f"sudo sed -i '{hole}' {BWRAP} && chmod 755 ~ && grep -q /home/dev {BWRAP}")
    said = real.dvm("sync", "app", timeout=BOOT)
    assert said.code == 1
    assert "FAILED for claude" in said.err
    assert row(real)["sandbox"]["result"] == "failed"
    assert "FAILED" in real.ok("ls")
    real.ok("sync", "app", "--fresh", timeout=BOOT)
    assert row(real)["sandbox"]["result"] == "passed"
