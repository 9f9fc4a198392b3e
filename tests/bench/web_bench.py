"""What the dashboard costs: the page of 50 VMs against one list, terminals against terminado, ttyd and a bare pty.

`make bench` runs it. Everything is measured in one run, in turns, on the demo engine; ratios are what counts.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from dvmweb.terminals.keeper.requests import PER_VM
from dvmweb.web.server.http_server import listen
from tests.bench.load import flood, idle_memory, interrupted, own_memory, settle
from tests.bench.wires import FIRST, RAW, Other, Ours, echo, measure, others, until

DVM = Path(sys.executable).with_name("dvm")
ADDRESS = re.compile(r"(http://\S+?)(/d/[0-9a-f]{32})/login#(\S+)")


@dataclass
class Dashboard:
    """`dvm web` in a throwaway home, and a session of it."""

    home: Path
    environ: dict[str, str]
    process: subprocess.Popen[str] | None = None
    origin: str = ""
    prefix: str = ""
    cookie: str = ""

    def dvm(self, *words: str) -> str:
        """Run `dvm`, which must succeed."""
        return subprocess.run(
            [str(DVM), *words], env=self.environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
        ).stdout

    def limactl(self, *words: str, stdin: str = "") -> float:
        """Run the engine as the dashboard does; seconds that it took."""
        argv = [sys.executable, "-I", "-m", "dvmweb.demo", "limactl", *words]
        environ = {**self.environ, "LIMA_HOME": str(self.home / ".local/state/dvm/demo/lima")}
        began = time.perf_counter()
        subprocess.run(argv, env=environ, input=stdin, capture_output=True, text=True, check=True)
        return time.perf_counter() - began

    def start(self) -> None:
        """Start it and log in as a browser does."""
        with listen(0) as listening:
            port = listening.getsockname()[1]
        argv = [str(DVM), "web", "--no-open", "--port", str(port)]
        self.process = subprocess.Popen(argv, env=self.environ, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        found = None
        while found is None:
            line = self.process.stdout.readline()
            if not line:
                sys.exit("dvm web ended before it said its address")
            found = ADDRESS.search(line)
        self.origin, self.prefix, token = found[1], found[2], found[3]
        body = urllib.parse.urlencode({"token": token}).encode()
        headers = {"Origin": self.origin, "Content-Type": "application/x-www-form-urlencoded"}
        request = urllib.request.Request(f"{self.origin}{self.prefix}/login", body, headers)  # noqa: S310

        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_: Any) -> None:
                return None

        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay())
        try:
            opener.open(request)
        except urllib.error.HTTPError as answer:
            self.cookie = answer.headers["Set-Cookie"].partition(";")[0]

    def ask(self, path: str, **form: str) -> str:
        """A page, or what a form led to."""
        body = urllib.parse.urlencode(form).encode() if form else None
        headers = {"Cookie": self.cookie, **({"Origin": self.origin} if form else {})}
        request = urllib.request.Request(f"{self.origin}{self.prefix}{path}", body, headers)  # noqa: S310
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request) as answer:
            return str(answer.read().decode())

    def processes(self) -> tuple[int, ...]:
        """The dashboard and the keeper, which may not run."""
        assert self.process is not None
        found = [self.process.pid]
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            with suppress(psutil.Error):
                if "dvmweb.terminals" in words and process.environ().get("HOME") == str(self.home):
                    found.append(process.pid)
        return tuple(found)


@contextmanager
def throwaway(count: int, running: int) -> Iterator[Dashboard]:
    """A home with `count` instances, the first `running` of them synced, and its dashboard."""
    # /tmp, not TMPDIR: the path of an ssh socket below it must fit.
    home = Path(tempfile.mkdtemp(prefix="dvm-bench.", dir="/tmp"))
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    one = Dashboard(home, {**kept, "HOME": str(home), "DVM_ENGINE": "demo", "PS1": "$ "})
    names = [FIRST, *(f"vm{number:02}" for number in range(1, count))]
    try:
        for name in names:
            one.dvm("init", name)
        for name in names[:running]:
            one.dvm("sync", name)
        lima_yaml = home / ".local/state/dvm/demo/vms" / FIRST / "lima.yaml"
        for name in names[running:]:
            one.limactl("create", "--tty=false", f"--name=dvm-{name}", str(lima_yaml))
        one.start()
        yield one
    finally:
        for pid in reversed(one.processes() if one.process else ()):  # also the keeper, which outlives the dashboard
            with suppress(psutil.Error):
                psutil.Process(pid).terminate()
        if one.process is not None:
            one.process.wait()
        with suppress(subprocess.CalledProcessError):
            one.limactl("delete", "-f", *(f"dvm-{name}" for name in names))
        shutil.rmtree(home, ignore_errors=True)


def pages(dashboard: Dashboard, times: int, count: int) -> None:
    """The page of all VMs against one list."""
    dashboard.ask("/")
    shown, listed = [], []
    for _ in range(times):
        listed.append(1000 * dashboard.limactl("list", "--json"))
        began = time.perf_counter()
        page = dashboard.ask("/")
        shown.append(1000 * (time.perf_counter() - began))
        assert page.count("data-card-link") == count, "not all VMs are on the page"
    one, other = statistics.median(shown), statistics.median(listed)
    print(f"\n{count} VMs, median of {times}            ms   against one list")
    print(f"  limactl list (demo)       {other:>8.1f}   1.0")
    print(f"  the page, whole request   {one:>8.1f}   {one / other:.2f}   wanted: under 1.0, and under 50 ms")


def terminals(dashboard: Dashboard, ways: dict[str, Other], given: argparse.Namespace) -> None:
    """Terminals side by side, in turns."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    stopped: dict[str, list[float]] = {}
    for _ in range(given.rounds):
        for name, way in ways.items():
            wire = way.connect()
            found.setdefault(name, []).append(measure(wire, given.bytes, given.keys))
            wire.close()
            wire = way.connect()
            stopped.setdefault(name, []).extend(interrupted(wire, 5))
            wire.close()
    medians = {name: [statistics.median(part) for part in zip(*rows, strict=True)] for name, rows in found.items()}
    bare = medians["plain pty"]
    head = "MB/s  against pty   echo p50     p99 ms   Ctrl-C in `yes` ms (worst)"
    print(f"\nterminals, median of {given.rounds}         {head}")
    for name, (speed, p50, p99) in medians.items():
        ctrl_c, worst = statistics.median(stopped[name]), max(stopped[name])
        against = speed / bare[0]
        print(f"  {name:<24} {speed:>8.1f} {against:>12.2f} {p50:>10.2f} {p99:>10.2f} {ctrl_c:>12.1f} ({worst:.1f})")
    print("wanted: MB/s at least ttyd's, echo p50 at most terminado's plus 0.1 ms, Ctrl-C within 100 ms")


def memory(dashboard: Dashboard, ways: dict[str, Other], count: int) -> None:
    """What an idle terminal costs."""
    print(f"\nMB for each of {count} idle terminals     served by   with its shell and what starts it")
    for name, way in ways.items():
        if not (way.server or name == "dvmweb"):
            continue
        servers = (lambda pid=way.server: (pid,)) if way.server else dashboard.processes
        own, whole = idle_memory(servers, way.connect, count)
        print(f"  {name:<32} {own:>12.2f} {whole:>12.2f}")
    print("wanted: nothing of ours over 3 MB (the demo engine's processes stand for limactl and ssh)")


def many(dashboard: Dashboard, count: int, running: int, times: int) -> None:
    """The pages with `count` terminals open in tabs at once, spread over the running VMs."""
    opened = [Ours(dashboard, f"vm{number % running:02}") for number in range(count)]
    for one in opened:
        settle(one)
    for path in ("/", "/terminals", f"/vms/{FIRST}/terminal"):
        shown = []
        for _ in range(times):
            began = time.perf_counter()
            dashboard.ask(path)
            shown.append(1000 * (time.perf_counter() - began))
        print(f"  {path:<26} {statistics.median(shown):>8.1f} ms with {count} terminals open   wanted: under 50 ms")
    opened[0].send(RAW)
    until(opened[0], b"RAW")
    echoes = sorted(echo(opened[0], b"k") for _ in range(100))
    print(
        f"  echo p50 {statistics.median(echoes):.2f} ms, server and keeper {own_memory(dashboard.processes()):.0f} MB"
    )
    for one in opened:
        one.close()


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=11, help="pages (the median is shown)")
    parser.add_argument("--vms", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the terminals")
    parser.add_argument("--bytes", type=int, default=50_000_000)
    parser.add_argument("--keys", type=int, default=300)
    parser.add_argument("--many", type=int, default=100, help="terminals open at once")
    parser.add_argument("--flood", type=float, default=60, help="seconds of `yes`")
    given = parser.parse_args()
    running = -(-given.many // PER_VM)
    with throwaway(given.vms, running) as dashboard, others() as rest:
        ways = {"dvmweb": Other(lambda: Ours(dashboard)), **rest}
        pages(dashboard, given.n, given.vms)
        terminals(dashboard, ways, given)
        memory(dashboard, ways, 10)
        print(f"\n{given.flood:.0f} s of `yes` in one terminal")
        for name, value in flood(dashboard, lambda: Ours(dashboard), given.flood).items():
            print(f"  {name:<34} {value:>8.1f}")
        print()
        many(dashboard, given.many, running, given.n)


if __name__ == "__main__":
    main()
