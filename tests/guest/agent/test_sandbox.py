"""The sandbox test: it holds, it can fail, and each protection of the launcher has a mutant that it finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvmweb.guest.agent.sandbox_report import FAILED, PASSED, UNKNOWN, parse_report
from tests.guest.agent.conftest import CODE, MAIN, PROGRAM, Guest, some

pytestmark = pytest.mark.xdist_group("sandbox")
NONCE = "c0ffee00" * 4


def test_it_holds_around_a_project_with_everything(project: Guest) -> None:
    *found, count, result = project.sandbox()
    assert found == []
    assert result == "result passed"
    assert int(count.removeprefix("count ")) > 150
    assert project.root(f"ls -A {CODE} /home/ada /home/ada/code /tmp | grep dvm-sandbox || true") == ""
    assert project.main("git status --porcelain --ignore-submodules=none") == "?? bare.git/\n?? linked/\n?? nested/\n"


def test_every_guarded_place_is_attacked(guest: Guest) -> None:
    guest.main('for i in $(seq 220); do git init -q "r$i"; done')
    *found, count, result = guest.sandbox()
    assert (found, result) == ([], "result passed")
    assert int(count.removeprefix("count ")) > 220 * 2


def test_it_holds_around_an_empty_project(guest: Guest) -> None:
    assert guest.sandbox()[-1] == "result passed"


AGENT, BWRAP, KERNEL = "launcher.py", "agent_bwrap.py", "agent_kernel.py"
CALLS = "        for call in calls.values():\n"
ETC = '    yield from ("--ro-bind", "/etc", "/etc")\n    for name in ():\n'
PROJECTS = '"--perms", "0755", "--dir", "/home/ada", "--bind", "/home/ada/code", "/home/ada/code", '
SECCOMP = '    words += ["--seccomp", data(kernel.filter_program(os.uname().machine))]\n'


def without(name: str) -> str:
    return CALLS.replace("calls.values()", f"[calls[key] for key in calls if not key.startswith({name!r})]")


MUTANTS = {
    "the user's home": (BWRAP, '"--bind", STAGE,', '"--bind", "/home/ada", "/home/ada", "--bind", STAGE,', "/home/ada"),
    "seccomp": (BWRAP, SECCOMP, "", "user namespace"),
    "the user": (AGENT, "    kernel.become(int(uid), int(gid))\n", "", "another user"),
    "what cannot be moved": (AGENT, "    for path in checked.fixed:\n", "    for path in ():\n", "moves .git"),
    "other projects": (BWRAP, '"--bind", STAGE,', f'{PROJECTS}"--bind", STAGE,', "another"),
    "all of /etc": (BWRAP, "    for name in ETC:\n", ETC, "/etc/"),
    "the system's /tmp": (BWRAP, '"--perms", "1777", "--tmpfs", "/tmp"', '"--bind", "/tmp", "/tmp"', "system's /tmp"),
    "/run": (BWRAP, '"--dir", "/run",', '"--bind", "/run", "/run",', "/run/user"),
    "/usr for writing": (BWRAP, '("--ro-bind", "/usr", "/usr")', '("--bind", "/usr", "/usr")', "write access to /usr"),
    "processes": (BWRAP, '"--unshare-pid", ', "", "the user's processes"),
    "shared memory": (BWRAP, '"--unshare-ipc", ', "", "shared memory"),
    "user namespaces": (KERNEL, "NAMESPACES = 0x7E020080", "NAMESPACES = 0x00020000", "user namespace"),
    "keyrings": (KERNEL, CALLS, without("add_key"), "add_key"),
    "io_uring": (KERNEL, CALLS, without("io_uring"), "io_uring"),
    "vsock": (KERNEL, "SOCKETS = (1, 2, 10, 16)", "SOCKETS = (1, 2, 10, 16, 40)", "vsock"),
    "abstract sockets": (AGENT, "    kernel.scope()\n", "", "abstract socket"),
    "typing": (KERNEL, "TYPING = (0x5412, 0x541C)", "TYPING = (1, 2)", "injects input into its terminal"),
    "groups": (KERNEL, "    os.setgroups([])\n", "    os.setgroups([27])\n", "groups"),
    "capabilities": (KERNEL, "        if libc.prctl(24, capability, 0, 0, 0):", "        if True:", "CapBnd"),
}
# Two protections stand behind each other: only without both there is a hole.
ENVIRONMENT = (BWRAP, '{"PATH": "/usr/bin:/bin"})', "os.environ)"), (BWRAP, '    yield "--clearenv"\n', "")
WRITING = (
    (AGENT, "read_only=agent != -1)", "read_only=False)"),
    ("agent_rights.py", "rights & 5 if is_kept else rights", "rights"),
)
DOUBLE = {"sees the user's environment": ENVIRONMENT, "writes .git/config": WRITING}


@pytest.mark.parametrize("name", some(list(MUTANTS), 4))
def test_a_launcher_without_one_protection_has_a_hole(project: Guest, name: str) -> None:
    file, old, new, found = MUTANTS[name]
    project.change(file, old, new)
    said = project.sandbox()
    assert said[-1] == "result failed", said
    assert any(line.startswith("failed ") and found in line for line in said), said


@pytest.mark.parametrize("found", some(sorted(DOUBLE), 0))
def test_where_two_protections_stand_both_must_fall(project: Guest, found: str) -> None:
    one, two = DOUBLE[found]
    project.change(*one)
    assert project.sandbox()[-1] == "result passed"
    project.change(*two)
    said = project.sandbox()
    assert any(line.startswith("failed ") and found in line for line in said), said


def test_a_canary_that_cannot_be_planted_is_no_success(project: Guest) -> None:
    project.root("chown 0:0 /home/ada/code; mount -t tmpfs -o ro tmpfs /tmp")
    try:
        said = project.sandbox()
    finally:
        project.root(f"umount /tmp; chown {MAIN} /home/ada/code")
    assert said[-1] == "result unknown"
    assert [line for line in said if "no canary" in line] == [
        "unknown Could not check whether an agent reaches a socket in /tmp: there was no canary.",
        "unknown Could not check whether an agent sees a file in another project: there was no canary.",
        "unknown Could not check whether an agent sees a file in the system's /tmp: there was no canary.",
    ]


def test_a_refusal_is_unknown(guest: Guest) -> None:
    guest.root(f"rm -rf {CODE}")
    assert guest.sandbox() == [
        f"unknown The launcher refused to start: The code folder {CODE} cannot be opened (No such file or directory)."
        " Sync this VM.",
        "count 1",
        "result unknown",
    ]


def answer(guest: Guest, names: str, tmp_path: Path) -> bytes:
    """What `sandbox_test.sh` says, run as root: the launcher is, and there is no sudo here."""
    del tmp_path
    script = (PROGRAM / "sandbox_test.sh").read_text()
    variables = {"DVM_NONCE": NONCE, "DVM_CODE_DIR": CODE, "DVM_AGENTS": names}
    done = guest.run("bash", "-c", f"cd $(mktemp -d)\n{script}", environment=variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.encode()


def test_the_answer_is_the_one_that_the_host_reads(project: Guest, tmp_path: Path) -> None:
    names = ("claude", "codex", "opencode", "mistral")
    report = parse_report(answer(project, "\n".join(names), tmp_path), NONCE, names)
    assert {one.name: one.result for one in report.tested} == {
        "claude": PASSED,
        "codex": UNKNOWN,
        "opencode": UNKNOWN,
        "mistral": PASSED,
    }
    assert report.tested[0].checks > 150
    assert "not installed" in report.tested[1].found[0].text


def test_a_hole_reaches_the_host(project: Guest, tmp_path: Path) -> None:
    project.change("agent_bwrap.py", '("--ro-bind", "/usr", "/usr")', '("--bind", "/usr", "/usr")')
    report = parse_report(answer(project, "claude", tmp_path), NONCE, ("claude",))
    assert report.result == FAILED
    assert "has write access to /usr" in " ".join(one.text for one in report.tested[0].found)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("chown 4001 /usr/local/bin/claude", "can be changed by others than root"),
        ("chmod o+w /usr/local/lib/dvm/agent/launcher.py", "can be changed by others than root"),
        ("echo 'dvm-agent ada /other' >/usr/local/lib/dvm/agent/setting", "The sandbox is set up for /other"),
        ("sed -i 2d /usr/local/bin/claude", "not run the agent in the sandbox"),
        ("printf '#!/bin/bash\\nlauncher=\\nexit 0' >/usr/local/bin/claude", "did not finish"),
        ("printf '#!/bin/bash\\nlauncher=\\necho result passed' >/usr/local/bin/claude", "did not finish"),
    ],
)
def test_what_is_not_ours_never_holds(guest: Guest, tmp_path: Path, change: str, why: str) -> None:
    keep = "/usr/local/bin/claude /usr/local/lib/dvm/agent"
    guest.root(f"mkdir -p /home/.kept; cp -a {keep} /home/.kept; {change}")
    try:
        report = parse_report(answer(guest, "claude", tmp_path), NONCE, ("claude",))
    finally:
        guest.root("cp -a /home/.kept/claude /usr/local/bin/; cp -a /home/.kept/agent /usr/local/lib/dvm/")
    assert report.result == UNKNOWN
    assert why in report.tested[0].found[0].text


@pytest.mark.parametrize(
    ("printed", "result"),
    [
        ("count 9\\nresult holds", PASSED),
        ("hole An agent sees x.\\ncount 9\\nresult hole", FAILED),
    ],
)
def test_a_launcher_of_dvm_0_1_is_understood(guest: Guest, tmp_path: Path, printed: str, result: str) -> None:
    """A VM that was not synced since has it until its recipe runs again."""
    guest.root("cp -a /usr/local/bin/claude /home/.claude")
    guest.root(f"printf '#!/bin/bash\\nlauncher=\\nprintf \"{printed}\\\\n\"\\n' >/usr/local/bin/claude")
    try:
        report = parse_report(answer(guest, "claude", tmp_path), NONCE, ("claude",))
    finally:
        guest.root("cp -a /home/.claude /usr/local/bin/claude")
    assert report.result == result
