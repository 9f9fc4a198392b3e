"""Tests what the main user of this guest and, in the sandbox, its agents can reach; answers with `exposure` records.

Out: `result WHO KIND RESULT TEXT` (dvmweb/guest/protocol.py). The probes are in exposure_probe.py: it is imported here,
and its text is run inside the sandbox by the launcher of the agents.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import exposure_probe as probe

HERE = os.path.dirname(os.path.realpath(__file__))
LAUNCHER = "/usr/local/lib/dvm/agent/launcher.py"
SANDBOX_SECONDS = 30.0  # beside the time of the probes: the launcher checks the project first
MOST = 60  # results of one side


def main() -> int:
    environ = os.environ
    nonce, task = environ.pop("DVM_NONCE"), json.loads(environ.pop("DVM_TASK"))
    code, has_agent = environ.get("DVM_CODE_DIR", ""), environ.get("DVM_AGENT") == "1"
    task |= {"project": code, "is_demo": os.path.exists("/etc/dvm-demo")}
    with probe.listening(task["token"]) as port:  # for the agents: is the VM's own loopback closed to them?
        results = [("user", *one) for one in probe.everything(task)]
        if has_agent:
            results += [("agent", *one) for one in in_sandbox(task | {"own_port": port}, code)]
    out = [b"dvm-answer", b"exposure", b"1", nonce.encode()]
    for one in results:
        out += [b"result", b"4", *(field.encode("utf-8", "replace").replace(b"\0", b"?") for field in one)]
    out += [b"end", b"1", nonce.encode(), b""]
    sys.stdout.buffer.write(b"\0".join(out))
    return 0


def in_sandbox(task: dict[str, object], code: str) -> Iterator[tuple[str, str, str]]:
    """The same probes inside the agent sandbox; one that did not run is `unknown` for every kind."""
    if task["is_demo"]:
        yield from probe.unknown("agents do not run in the demo")
        return
    if not os.path.exists(LAUNCHER):
        yield from probe.unknown("the agent sandbox is not installed: sync this VM")
        return
    with open(f"{HERE}/exposure_probe.py", encoding="utf-8") as file:
        text = file.read()
    program = ["/usr/bin/python3", "-IS", "-c", text, json.dumps(task)]
    try:
        done = subprocess.run(
            ["sudo", "-n", "--", LAUNCHER, "run", code, "", "TERM=dumb", "--", *program],
            cwd=code,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SANDBOX_SECONDS + float(str(task["seconds"])) * 4,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        yield from probe.unknown(f"the agent sandbox did not start ({type(error).__name__})")
        return
    results = list(parsed(done.stdout))
    if not results or results.pop() != ("end", "", ""):
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()
        yield from probe.unknown(f"the test in the sandbox did not finish: {reason[-1] if reason else 'no reason'}")
        return
    yield from results[:MOST]


def parsed(output: bytes) -> Iterator[tuple[str, str, str]]:
    for line in output[:200_000].splitlines():
        with contextlib.suppress(ValueError, TypeError):
            kind, result, text = json.loads(line)
            yield str(kind), str(result), str(text)


if __name__ == "__main__":
    sys.exit(main())
