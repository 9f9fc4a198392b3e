"""What dvm costs on top of its engine: ratios measured in one run on the demo engine. `make bench` runs it.

The ledger tells how long each engine command took; what is left of a call's time is dvm's own.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DVM = Path(sys.executable).with_name("dvm")
VM = "bench"
KEPT = ("PATH", "LANG", "LC_ALL", "TERM")
# One template, copied: the loop that warms up brings each index up to date, as work in a repository does.
MAKE_REPOSITORIES = """
set -e
git init -q template && cd template
for n in 1 2 3 4 5 6 7 8 9 10; do echo "$n" > "file$n"; done
git add . && git -c user.name=b -c user.email=b@example.invalid commit -qm one
cd .. && for n in $(seq 2 COUNT); do cp -a template "repo$n"; done
"""
LOOP = 'for d in */; do git -C "$d" status --porcelain >/dev/null || exit 1; done'
TIMED_LOOP = f'a=$EPOCHREALTIME; {LOOP}; b=$EPOCHREALTIME; echo "${{a/[.,]/}} ${{b/[.,]/}}"'


@dataclass(frozen=True)
class Sample:
    """One run of `dvm`: seconds in all, seconds in the engine, and how many engine commands."""

    total: float
    engine: float
    calls: int
    stdout: str

    @property
    def own(self) -> float:
        return self.total - self.engine


@dataclass(frozen=True)
class Bench:
    """A throwaway home and how often each thing is measured."""

    home: Path
    times: int

    @property
    def ledger(self) -> Path:
        return self.home / ".local" / "state" / "dvm" / "demo" / "ledger.jsonl"

    def engine_seconds(self) -> list[float]:
        """The seconds of every engine command so far."""
        if not self.ledger.exists():
            return []
        return [float(json.loads(line)["seconds"]) for line in self.ledger.read_text("utf-8").splitlines()]

    def dvm(self, *words: str, codes: tuple[int, ...] = (0,)) -> Sample:
        """Run `dvm`; stop the benchmark with its output when it ends with another code."""
        before = len(self.engine_seconds())
        environ = {name: os.environ[name] for name in KEPT if name in os.environ}
        began = time.perf_counter()
        done = subprocess.run(
            [str(DVM), *words],
            env={**environ, "HOME": str(self.home), "DVM_ENGINE": "demo"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        total = time.perf_counter() - began
        if done.returncode not in codes:
            sys.exit(f"dvm {' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        engine = self.engine_seconds()[before:]
        return Sample(total, sum(engine), len(engine), done.stdout)

    def sample(self, *words: str, codes: tuple[int, ...] = (0,)) -> list[Sample]:
        """Run once to warm up, then `times` times."""
        self.dvm(*words, codes=codes)
        return [self.dvm(*words, codes=codes) for _ in range(self.times)]


def median(values: Iterator[float]) -> float:
    """The median in milliseconds."""
    return 1000 * statistics.median(values)


def row(title: str, samples: list[Sample], target: str) -> None:
    """Print one line of the first table."""
    total, engine = median(s.total for s in samples), median(s.engine for s in samples)
    own = median(s.own for s in samples)
    calls = "/".join(str(count) for count in sorted({s.calls for s in samples}))
    print(f"{title:<26} {calls:>5} {total:>8.0f} {engine:>8.0f} {own:>8.0f} {total / engine:>8.1f}  {target}")


@contextmanager
def throwaway(times: int) -> Iterator[Bench]:
    """A home with one synced VM; all of it goes away at the end."""
    # /tmp, not TMPDIR: the path of an ssh socket below it must fit.
    bench = Bench(Path(tempfile.mkdtemp(prefix="dvm-bench.", dir="/tmp")), times)
    try:
        bench.dvm("init", VM)
        yield bench
    finally:
        subprocess.run(
            [str(DVM), "rm", VM, "--now", "--yes", "--force"],
            env={"PATH": os.environ["PATH"], "HOME": str(bench.home), "DVM_ENGINE": "demo"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        shutil.rmtree(bench.home, ignore_errors=True)


def entering(bench: Bench) -> None:
    """`dvm ssh` and an idle sync beside plain ssh and `limactl shell`, in turn, so that a busy moment meets all."""
    lima = bench.home / ".local" / "state" / "dvm" / "demo" / "lima"
    engine = (sys.executable, "-I", "-m", "dvmweb.demo")
    ssh = (*engine, "ssh", "-F", str(lima / f"dvm-{VM}" / "ssh.config"), f"lima-dvm-{VM}", "--", "true")
    shell = (*engine, "limactl", "shell", f"dvm-{VM}", "true")
    env = {"PATH": os.environ["PATH"], "HOME": str(bench.home), "LIMA_HOME": str(lima)}
    seconds: dict[str, list[float]] = {}

    def timed(name: str, act: Callable[[], object]) -> None:
        began = time.perf_counter()
        act()
        seconds.setdefault(name, []).append(time.perf_counter() - began)

    def plain(argv: tuple[str, ...]) -> None:
        subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=True)

    bench.dvm("ssh", VM, "--", "true")
    for _ in range(bench.times):
        timed("ssh -F", lambda: plain(ssh))
        timed("limactl shell", lambda: plain(shell))
        timed("dvm ssh", lambda: bench.dvm("ssh", VM, "--", "true"))
        timed("dvm sync", lambda: bench.dvm("sync", VM))
    found = {name: median(iter(all_of_it)) for name, all_of_it in seconds.items()}
    told = "  ".join(f"{name} {value:.0f}" for name, value in found.items())
    print(f"\nentering a guest, in turn, ms:  {told}")
    print(f"  dvm ssh - ssh -F           {found['dvm ssh'] - found['ssh -F']:>6.0f}   wanted: 150 at most")
    times, bound = found["dvm sync"] / found["limactl shell"], 2 * found["limactl shell"] + 400
    print(f"  idle sync / limactl shell  {times:>6.1f}   wanted: {bound:.0f} ms at most")


def start_up(times: int) -> None:
    """Print what any Python program costs here, so that a busy or slow machine shows."""
    for title, argv in (("python -c pass", [sys.executable, "-c", "pass"]), ("dvm --version", [str(DVM), "--version"])):
        seconds = []
        for _ in range(times):
            began = time.perf_counter()
            subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
            seconds.append(time.perf_counter() - began)
        print(f"{title:<26} {'':>5} {median(iter(seconds)):>8.0f}")


def work_against_loop(bench: Bench, repositories: int) -> None:
    """The work check of many repositories against `git status` in each, both timed in the same guest."""
    bench.dvm("ssh", VM, "--", "bash", "-c", MAKE_REPOSITORIES.replace("COUNT", str(repositories)))
    loop = [1000 * _guest_seconds(sample) for sample in bench.sample("ssh", VM, "--", "bash", "-c", TIMED_LOOP)]
    work = bench.sample("work", VM, codes=(5,))
    total, engine = median(s.total for s in work), median(s.engine for s in work)
    status = statistics.median(loop)
    print(f"\nwork check of {repositories} repositories      ms   against the loop")
    print(f"  git status loop           {status:>8.0f}   1.0")
    print(f"  dvm work, in the engine   {engine:>8.0f}   {engine / status:.2f}")
    print(f"  dvm work, in all          {total:>8.0f}   {total / status:.2f}   wanted: under 2000 ms")


def _guest_seconds(sample: Sample) -> float:
    began, ended = sample.stdout.split()
    return (int(ended) - int(began)) / 1e6


def main() -> None:
    """Measure and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=11, help="runs of each (the median is shown)")
    parser.add_argument("--repositories", type=int, default=200)
    given = parser.parse_args()
    with throwaway(given.n) as bench:
        bench.dvm("sync", VM)
        print(f"median of {given.n}, ms            calls    total   engine      own total/engine")
        start_up(given.n)
        row("dvm sync, nothing to do", bench.sample("sync", VM), "wanted: 2 calls, own under 500")
        row("dvm ls", bench.sample("ls"), "wanted: 1 call, own under 250")
        entering(bench)
        work_against_loop(bench, given.repositories)


if __name__ == "__main__":
    main()
