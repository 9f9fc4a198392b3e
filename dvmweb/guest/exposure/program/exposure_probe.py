"""The probes of `dvm exposure`: each tries one thing, live, and reports (kind, result, text).

Results: `open` (it was reached or found), `none` (it was searched for, and there is none), `closed` (it was tried, and
nothing answered), `unknown` (it could not be tried). A value of a secret is never read into a result, only its name.
Standard library only, and one file: its text is also run inside the agent sandbox.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Task = dict[str, Any]  # made by dvmweb/plans/script_requests.py
OPEN, NONE, CLOSED, UNKNOWN = "open", "none", "closed", "unknown"
KINDS = ("mounts", "host", "vms", "private", "own", "keys", "tokens", "sudo", "egress")
# File systems that come from another computer. Unknown kinds of FUSE count, too.
SHARED = "9p virtiofs vboxsf vmhgfs prl_fs nfs nfs4 cifs smb3 smbfs ceph afs".split()
LOCAL_FUSE = "fusectl fuse.lxcfs fuse.portal fuse.gvfsd-fuse fuse.snapfuse fuse.squashfuse fuse.fuse-overlayfs".split()
SECRET = re.compile(
    r"(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|PASS|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIALS?)(_|$)", re.I
)
ASSIGNED = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]{0,80})\s*=\s*(\S)")
# Files in a home that hold a token when they exist; a pattern after `:` must be in the file.
TOKEN_FILES = """.git-credentials .netrc .pypirc .config/gh/hosts.yml:oauth_token .config/glab-cli/config.yml:token
.npmrc:_authToken .yarnrc.yml:npmAuthToken .cargo/credentials.toml .cargo/credentials .docker/config.json:auth"
.aws/credentials .config/gcloud/application_default_credentials.json .azure/msal_token_cache.json .kube/config
.config/huggingface/token .cache/huggingface/token .claude/.credentials.json .codex/auth.json
.local/share/opencode/auth.json .vibe/.env .config/op/config .vault-token .terraform.d/credentials.tfrc.json
.config/rclone/rclone.conf .config/hub:oauth_token""".split()
SMALL, MOST_FILES = 256_000, 200


def everything(task: Task) -> list[tuple[str, str, str]]:
    """All results, in the order of KINDS. Raises nothing: a probe that fails is `unknown`."""
    found = []
    for kind, probe in PROBES.items():
        try:
            found += [(kind, result, text[:200]) for result, text in probe(task)]
        except Exception as error:  # the others still count
            found.append((kind, UNKNOWN, f"the test failed ({type(error).__name__})"))
    return found


def unknown(reason: str) -> list[tuple[str, str, str]]:
    return [(kind, UNKNOWN, reason[:200]) for kind in KINDS]


# ---- what is mounted ----


def mounts(task: Task) -> Iterator[tuple[str, str]]:
    if task["is_demo"]:
        yield UNKNOWN, "a demo guest uses the file system of this computer"
        return
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            left, _, right = line.partition(" - ")
            kind, place = right.split(" ", 1)[0], left.split(" ")[4]
            if kind in SHARED or (kind.startswith("fuse") and kind not in LOCAL_FUSE):
                found.append((OPEN, f"{place} ({kind})"))
    yield from found[:10] or [(NONE, "none mounted")]


# ---- what answers on the network ----


def host(task: Task) -> Iterator[tuple[str, str]]:
    """The port of a listener that dvm has opened on 127.0.0.1 of the host for this test; it answers with the token."""
    if not task["port"]:
        yield UNKNOWN, "dvm could not open a port for the test"
        return
    ways = list(dict.fromkeys([*task["hosts"], *gateways()]))
    if task["is_demo"]:
        ways.append("127.0.0.1")
    reached = [way for way, answer in answers(task, [(way, task["port"]) for way in ways]) if answer == task["token"]]
    if reached:
        yield OPEN, f"reached as {reached[0][0]}"
    else:
        yield CLOSED, f"no answer, tried as {', '.join(ways[:4])}"


def vms(task: Task) -> Iterator[tuple[str, str]]:
    for name in task.get("untried", ()):  # its config cannot be read, or there are too many
        yield UNKNOWN, f"{name}: runs, and was not tried"
    if not task["vms"] and not task.get("untried"):
        yield NONE, "no other VM is running"
        return
    targets = [(address, port) for _, address, ports in task["vms"] for port in ports]
    reached = {target for target, answer in answers(task, targets) if answer is not None}
    for name, address, ports in task["vms"]:
        found = [str(port) for port in ports if (address, port) in reached]
        yield (OPEN, f"{name}: port {', '.join(found)}") if found else (CLOSED, f"{name}: no answer")


def private(task: Task) -> Iterator[tuple[str, str]]:
    if not task["private"]:
        yield UNKNOWN, "this computer has no known router or name server with a private address"
        return
    targets = [(address, port) for address, ports in task["private"] for port in ports]
    reached = [target for target, answer in answers(task, targets) if answer is not None]
    for address, ports in task["private"]:
        found = [str(port) for way, port in reached if way == address]
        tried = ", ".join(map(str, ports))
        yield (OPEN, f"{address}: port {', '.join(found)}") if found else (CLOSED, f"{address}: no answer on {tried}")


def own(task: Task) -> Iterator[tuple[str, str]]:
    """For an agent: the loopback of the VM, with the dev servers and databases of the project."""
    if "own_port" not in task:
        return
    if not task["own_port"]:
        yield UNKNOWN, "no port could be opened for the test"
        return
    found = [answer for _, answer in answers(task, [("127.0.0.1", task["own_port"])])]
    yield (OPEN, "reached") if found == [task["token"]] else (CLOSED, "no answer")


def egress(task: Task) -> Iterator[tuple[str, str]]:
    for name, port in task["egress"]:
        try:
            socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except OSError:
            yield CLOSED, f"{name}: the name does not resolve"
            continue
        answer = [answer for _, answer in answers(task, [(name, port)])]
        yield (OPEN, f"{name}:{port}") if answer != [None] else (CLOSED, f"{name}:{port}: no answer")


def gateways() -> list[str]:
    found = []
    with contextlib.suppress(OSError, ValueError, IndexError), open("/proc/net/route", encoding="ascii") as file:
        for line in list(file)[1:20]:
            fields = line.split()
            if fields[1] == "00000000":
                found.append(socket.inet_ntoa(bytes.fromhex(fields[2])[::-1]))
    return found


def answers(task: Task, targets: list[tuple[str, int]]) -> Iterator[tuple[tuple[str, int], str | None]]:
    """Each target with what it sent first, "" if nothing, None if it could not be connected to; all at once."""
    with ThreadPoolExecutor(min(16, len(targets) or 1)) as pool:
        yield from pool.map(lambda target: (target, answer(task, *target)), targets)


def answer(task: Task, name: str, port: int) -> str | None:
    try:
        with socket.create_connection((name, port), float(task["seconds"])) as call:
            call.settimeout(1.0)
            with contextlib.suppress(OSError):
                return call.recv(100).decode("ascii", "replace").strip()
            return ""
    except (OSError, UnicodeError):
        return None


@contextlib.contextmanager
def listening(token: str) -> Iterator[int]:
    """A port on 127.0.0.1 that sends the token to each connection; 0 if none can be opened."""
    try:
        server = socket.create_server(("127.0.0.1", 0))
    except OSError:
        yield 0
        return
    with server:
        threading.Thread(target=serve, args=(server, token), daemon=True).start()
        yield server.getsockname()[1]


def serve(server: socket.socket, token: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            call, _ = server.accept()
            with call, contextlib.suppress(OSError):
                call.sendall(token.encode())


# ---- what is found ----


def keys(task: Task) -> Iterator[tuple[str, str]]:
    found = []
    if os.environ.get("SSH_AUTH_SOCK"):
        found.append((OPEN, "an SSH agent (SSH_AUTH_SOCK)"))
    folder = os.path.expanduser("~/.ssh")
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(folder))[:MOST_FILES]:
            if is_open_key(small_text(os.path.join(folder, name))):
                found.append((OPEN, f"~/.ssh/{name}"))
    yield from found[:10] or [(NONE, "none found in ~/.ssh")]


def is_open_key(text: str) -> bool:
    """Whether a text is a private key without a passphrase (RFC 7468 formats, and OpenSSH's PROTOCOL.key)."""
    begin = re.search(r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----", text)
    if not begin or "ENCRYPTED" in text[:500]:
        return False
    if begin.group(1).strip() != "OPENSSH":
        return True
    with contextlib.suppress(ValueError):
        body = base64.b64decode("".join(text[begin.end() :].split("-----")[0].split()), validate=True)
        if body.startswith(b"openssh-key-v1\0"):
            return body[15:].startswith(b"\0\0\0\4none")
    return True  # not as OpenSSH writes it: not known to be encrypted


def tokens(task: Task) -> Iterator[tuple[str, str]]:
    found = [f"${name}" for name in sorted(login_variables()) if SECRET.search(name)]
    for entry in TOKEN_FILES:
        path, _, needed = entry.partition(":")
        text = small_text(os.path.expanduser(f"~/{path}"))
        if text and needed in text:
            found.append(f"~/{path}")
    project = "/workspace" if "own_port" in task else task["project"]
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(project))[:1000]:
            if name == ".env" or name.startswith(".env."):
                lines = small_text(f"{project}/{name}").splitlines()
                names = [match[1] for match in map(ASSIGNED.match, lines) if match]
                found += [f"{one} in {name}" for one in names if SECRET.search(one)]
    yield from [(OPEN, one) for one in found[:20]] or [(NONE, "none found in the usual places")]


def login_variables() -> list[str]:
    """The names of the variables of a login shell; of this process if it cannot be started."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        words = ["bash", "-lc", "env -0"]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=True)
        pairs = [one.partition("=") for one in done.stdout.decode("utf-8", "replace").split("\0")]
        return [name for name, _, value in pairs if value]
    return [name for name, value in os.environ.items() if value]


def small_text(path: str) -> str:
    """The text of a small ordinary file; "" for anything else. A pipe or a device is not opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            if stat.S_ISREG(facts.st_mode) and facts.st_size <= SMALL:
                return file.read(SMALL).decode("utf-8", "replace")
    return ""


def sudo(task: Task) -> Iterator[tuple[str, str]]:
    if task["is_demo"]:
        yield UNKNOWN, "a demo guest has no root"
        return
    try:
        words = ["sudo", "-n", "true"]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False)
    except FileNotFoundError:
        yield NONE, "no sudo"
        return
    yield (OPEN, "root without a password") if done.returncode == 0 else (CLOSED, "refused")


PROBES: dict[str, Callable[[Task], Iterator[tuple[str, str]]]] = {
    "mounts": mounts,
    "host": host,
    "vms": vms,
    "private": private,
    "own": own,
    "keys": keys,
    "tokens": tokens,
    "sudo": sudo,
    "egress": egress,
}

if __name__ == "__main__":
    for one in [*everything(json.loads(sys.argv[1])), ("end", "", "")]:
        print(json.dumps(one), flush=True)
