"""The demo engine gives the answers that real limactl 2.2.0 gave: every recorded call, in the recorded order."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.demo.conftest import Answer, Demo
from tests.demo.excluded import excluded

DATA = Path(__file__).parent / "data"
RECORDS = [json.loads(line) for line in (DATA / "lima-2.2.0.jsonl").read_text().splitlines()]
BY_ID = {record["id"]: record for record in RECORDS}
EXCLUDED = excluded(BY_ID)
SLOW_BOOT = "120"  # seconds that a guest is Running but not READY, where the record needs that

# Lines that only the real one has (its emulator, its disk) or may repeat, and the one line that only the demo has.
REAL_ONLY = re.compile(
    r"\[hostagent\] (?:Specifying args|Not adding QEMU|guest agent events closed|Not forwarding|Stopping forwarding"
    r"|Forwarding|Time sync|failed to listen|Waiting for the optional|The optional)"
    r"|Resize instance|Removing `|The demo guest is not a boundary"
)
BROKEN = re.compile(r"failed to get Info from .*?connection refused|qemu driver is running but host agent is not")
UNREADABLE = re.compile(r"(failed to unmarshal YAML \(.*?\)):.*", re.DOTALL)  # the rest is the YAML library's own
VOLATILE = {
    "sshLocalPort",
    "hostAgentPID",
    "driverPID",
    "macAddress",
    "uid",
    "HostArch",
    "HostOS",
    "name@user",
    "home@user",
}


class Replay:
    """The story that the records tell, replayed on a LIMA_HOME."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.demo = Demo(folder / "lima")
        self.main = self.demo
        self.before: dict[str, Callable[[], object]] = {
            "list-dir-without-yaml": lambda: (self.demo.home / "probe").mkdir(),
            "list-invalid-yaml": lambda: self.write("probe/lima.yaml", "cpus: [\n"),
            "list-after-guest-poweroff": self.power_off,
            "list-ha-killed": self.kill_agent,
            "stop-3": lambda: self.demo.limactl("start", "dvm-app"),
            "start-parallel-same-clone": lambda: self.demo.limactl("stop", "-f", "dvm-clone"),
            "list-table-unknown-none": lambda: self.move("empty"),
            "list-json-flag-invalid-yaml": self.move_to_invalid,
            "list-json-flag-dir-without-yaml": lambda: (self.demo.home / "probe/lima.yaml").unlink(),
            "list-quiet-dir-without-yaml": self.create_both,
            "delete-ok-2": self.move_back,
        }
        _write_templates(folder)

    def write(self, name: str, text: str) -> None:
        path = self.demo.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def move(self, name: str) -> None:
        self.demo = Demo(self.folder / name)
        self.demo.home.mkdir()

    def move_to_invalid(self) -> None:
        self.move("odd")
        self.write("probe/lima.yaml", "cpus: [\n")

    def create_both(self) -> None:
        for name in ("dvm-app", "dvm-clone"):
            self.demo.create(name)

    def move_back(self) -> None:
        self.demo = self.main
        for name in ("dvm-app", "dvm-clone"):
            self.demo.limactl("stop", "-f", name)

    def power_off(self) -> None:
        self.demo.limactl("stop", "-f", "dvm-clone")
        self.demo.limactl("start", "dvm-clone")
        self.demo.shell("dvm-clone", "poweroff")
        self.wait_for(lambda: self.demo.status("dvm-clone") == "Stopped", "`poweroff` in the guest did not stop it")

    def kill_agent(self) -> None:
        os.kill(int((self.demo.home / "dvm-clone/ha.pid").read_text()), signal.SIGKILL)
        self.wait_for(lambda: self.demo.status("dvm-clone") != "Running", "it runs on without its agent")

    @staticmethod
    def wait_for(is_so: Callable[[], bool], complaint: str) -> None:
        """A story that has gone wrong ends here, not at the limit of the whole test."""
        end = time.monotonic() + 10
        while not is_so():
            assert time.monotonic() < end, complaint

    def play(self, record: dict[str, Any]) -> Answer:
        """Run one record's command here."""
        self.before.get(record["id"], lambda: None)()
        words = [word.replace("--timeout=5s", "--timeout=3s").replace(" /tmp/rs", "") for word in record["argv"]]
        if record["returncode"] == -15:
            return self.begin_and_terminate(words)
        if record["id"] == "ha-sock-info":
            return self.ask_socket(Path(words[3].removeprefix(".lima/")))
        if words[0] == "cat":
            return Answer(0, (self.demo.home / words[1].removeprefix(".lima/")).read_text(), "")
        if words[0] == "ssh":
            return self.demo.run("ssh", "-F", str(self.demo.home / words[2].removeprefix(".lima/")), *words[3:])
        slow = SLOW_BOOT if record["id"] == "start-timeout" else "0"
        stdin = "echo one\nwhoami\npwd\nexit 5\n" if record["id"] == "shell-stdin-script" else ""
        return self.demo.limactl(*words[1:], stdin=stdin, DVM_DEMO_BOOT=slow)

    def begin_and_terminate(self, words: list[str]) -> Answer:
        process = self.demo.start(*words[1:], DVM_DEMO_BOOT=SLOW_BOOT)
        assert process.stderr is not None
        lines: list[str] = []
        # The port comes from another file of the host agent than the other lines: it can be told before or after.
        awaited = {"SSH Local Port", "essential requirement 1 of 3"}
        while awaited and (line := process.stderr.readline()):
            lines.append(line)
            awaited = {words for words in awaited if words not in line}
        process.terminate()
        rest = process.communicate(timeout=10)[1]
        return Answer(process.returncode, "", "".join(lines) + rest)

    def ask_socket(self, path: Path) -> Answer:
        """What curl would get from ha.sock."""
        here = Path.cwd()
        os.chdir(self.demo.home / path.parent)  # the address of a socket must be short
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path.name)
                client.sendall(b"GET /v1/info HTTP/1.1\r\nHost: x\r\n\r\n")
                return Answer(0, client.makefile().read().partition("\n\n")[2], "")
        finally:
            os.chdir(here)


def _write_templates(folder: Path) -> None:
    images = folder / "images"
    templates = folder / "t"
    images.mkdir()
    (images / "debian-12.qcow2").touch()
    (templates / "d/sub").mkdir(parents=True)
    for name in ("f.txt", "d/a", "d/sub/b"):
        (templates / name).write_text("x\n")
    main = (DATA / "lima.yaml").read_text().replace("/srv/images", str(images))
    image = f"images:\n- location: {images}/debian-12.qcow2\n  arch: x86_64\n"
    texts = {
        "dvm-app": main,
        "bad-syntax": image + "cpus: [2\n",
        "bad-type": image + "cpus: many\n",
        "bad-values": image + "memory: 4GiBB\nportForwards: [{guestPort: 70000}]\nnetworks: [{lima: nosuchnet}]\n",
        "unknown-field": image + "containerd: {system: false, user: false}\ncpuz: 3\n",
        "no-image": image.replace("debian-12", "missing") + "cpus: 2\ncontainerd: {system: false, user: false}\n",
        "dvm-open": re.sub(r"networks:.*?provision:", "provision:", main, flags=re.DOTALL),
    }
    for name, text in texts.items():
        (templates / f"{name}.yaml").write_text(text)


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory, guests: None) -> Iterator[Replay]:
    replay = Replay(tmp_path_factory.mktemp("contract"))
    yield replay
    replay.main.close()


@pytest.mark.slow
@pytest.mark.timeout(1800)  # some two hundred calls, one after the other as they were recorded
def test_every_recorded_answer(replay: Replay) -> None:
    wrong: list[str] = []
    for record in RECORDS:
        if record["id"] == "create-bad-syntax-2":
            whole = (replay.folder / "t/dvm-open.yaml").read_text()
            (replay.folder / "t/dvm-open.yaml").write_text(whole.replace("provision:", "- {ignore: true}\nprovision:"))
        if record["id"] == "create-open":
            (replay.folder / "t/dvm-open.yaml").write_text(whole)
        if record["id"] in EXCLUDED:
            continue
        answer = replay.play(record)
        wrong += [f"{record['id']}: {problem}" for problem in differences(record, answer, replay)]
    assert not wrong, "\n".join(wrong)


def test_what_is_not_compared() -> None:
    unknown = set(EXCLUDED) - set(BY_ID)
    assert not unknown
    reasons: dict[str, list[str]] = {}
    for name, reason in EXCLUDED.items():
        reasons.setdefault(reason, []).append(name)
    told = "; ".join(
        f"{len(names)} because {reason} ({names[0]}{', ...' if names[1:] else ''})" for reason, names in reasons.items()
    )
    pytest.skip(
        f"of {len(RECORDS)} records {len(RECORDS) - len(EXCLUDED)} are compared, {len(EXCLUDED)} are not: {told}"
    )


def differences(record: dict[str, Any], answer: Answer, replay: Replay) -> Iterator[str]:
    """Say what differs between the real answer and ours."""
    if record["returncode"] != answer.code:
        yield f"code {answer.code} instead of {record['returncode']}: {answer.stderr[-500:]}"
    theirs, ours = log_shape(record["stderr"], replay), log_shape(answer.stderr, replay)
    if "start" in record["argv"]:  # two logs of the agent are relayed: their order is not fixed
        theirs, ours = sorted(theirs), sorted(ours)
    if record["id"] == "shell-flag-after-name":  # bash's own usage text
        theirs, ours = theirs[:1], ours[:1]
    if theirs != ours:
        yield f"stderr\n  theirs {theirs}\n  ours   {ours}"
    kept = [line for line in record["stdout"].splitlines() if "/tmp/rs" not in line]
    left, right = out_shape(record, "\n".join(kept), replay), out_shape(record, answer.stdout, replay)
    if left != right:
        yield f"stdout\n  theirs {left}\n  ours   {right}"


def log_shape(text: str, replay: Replay) -> list[tuple[str, str]]:
    """Level and message of each line, without times, paths, numbers and an error's own details."""
    found = []
    for line in text.splitlines():
        level, message = _level_and_message(line)
        message = plain(message, replay)
        if REAL_ONLY.search(message):
            continue
        message = BROKEN.sub("BROKEN", message)
        found.append((level, UNREADABLE.sub(r"\1", message)))
    return found


def _level_and_message(line: str) -> tuple[str, str]:
    if line.startswith("{"):
        facts = json.loads(line)
        return facts["level"], facts["msg"]
    match = re.match(r'time="?[^ "]+"? level=(\w+) msg=("(?:[^"\\]|\\.)*"|\S+)(.*)', line)
    if not match:
        return "text", line
    message = json.loads(match[2].replace("\\'", "'")) if match[2].startswith('"') else match[2]
    names = re.findall(r" (\w+)=", re.sub(r'"(?:[^"\\]|\\.)*"', '""', match[3]))
    return match[1], message + "".join(f" {name}=" for name in names)


def plain(text: str, replay: Replay) -> str:
    """Text with this machine's places and numbers taken out."""
    for here, word in ((replay.demo.home, "LIMA"), (replay.folder / "images", "IMAGES"), (replay.folder, "HOME")):
        text = text.replace(str(here), word)
    for place, word in (("/home/user/.lima", "LIMA"), ("/srv/images", "IMAGES"), ("/home/user", "HOME")):
        text = text.replace(place, word)
    text = text.replace("~/.lima", "LIMA").replace("~/lima", "LIMA").replace("bash: line 1: cd", "bash: cd")
    return re.sub(r"(?<![\w.])\d{3,5}(?![\w.])|(?<=127\.0\.0\.1:)\d+", "N", text)


def out_shape(record: dict[str, Any], text: str, replay: Replay) -> object:
    """What of stdout must be the same."""
    if record["id"] == "info":
        return sorted(json.loads(text))
    if record["id"].startswith("file-lima.yaml"):
        return {**yaml.safe_load(text + "\n"), "images": None}
    lines = text.splitlines()
    if "find" in " ".join(record["argv"]).split():
        lines.sort()  # each file system has an order of its own
    if lines and all(line.startswith("{") for line in lines):
        return [json_shape(json.loads(line), "", replay) for line in lines]
    lines = [UNREADABLE.sub(r"\1", BROKEN.sub("BROKEN", plain(line, replay))) for line in lines]
    return [re.sub(r" {2,}", "  ", line) for line in lines]


def json_shape(value: Any, key: str, replay: Replay) -> Any:
    """Keys and values, volatile values only by their type."""
    if isinstance(value, dict):
        if value.get("status") == "Broken":  # seen just before or after the dead agent is noticed
            value = {name: child for name, child in value.items() if name != "hostAgentPID"}
        return {
            name: json_shape(child, f"{name}@{key}" if key == "user" else name, replay) for name, child in value.items()
        }
    if isinstance(value, list):
        return [json_shape(child, key, replay) for child in value]
    if key in VOLATILE or key.partition("@")[0] in VOLATILE or key == "time":
        return type(value).__name__
    return plain(value, replay) if isinstance(value, str) else value


def test_the_program_named_first_is_needed() -> None:
    done = subprocess.run(Demo(Path("/nonexistent")).argv("qemu"), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "usage" in done.stderr
