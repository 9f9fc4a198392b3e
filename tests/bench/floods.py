"""What a terminal that is flooded costs the others: echo of one key beside floods of several kinds, in one run.

`make bench` runs it. The keeper alone, with plain shells: what differs is only what the other terminal says.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dvmweb.paths import from_environment
from dvmweb.terminals import client
from tests.terminals.conftest import DvmHome, Viewer, end

KINDS = {
    "letters": "yes 0123456789abcdef",
    "bells": r"yes $'\a\a\a\a\a\a\a\a'",
    "OSC openers": r"yes $'\e]\e]\e]\e]\e]\e]'",
    "titles": r"yes $'\e]0;t\a'",
    "modes": r"yes $'\e[?1h\e[?1l\e[?25;25;25;25h'",
    "resets": r"yes $'\ec\ec\ec\ec'",
}


@contextmanager
def throwaway() -> Iterator[DvmHome]:
    home = Path(tempfile.mkdtemp(prefix="dvm-bench.", dir="/tmp"))
    environ = {"HOME": str(home), "PATH": os.environ["PATH"], "DVM_ENGINE": "demo", "LANG": "C.UTF-8"}
    dvm_home = DvmHome(from_environment(environ), environ)
    dvm_home.paths.state.mkdir(parents=True, mode=0o700)
    dvm_home.keeper()
    try:
        yield dvm_home
    finally:
        for process in dvm_home.keepers:
            end(process)
        shutil.rmtree(home, ignore_errors=True)


def echoes(viewer: Viewer, keys: int) -> list[float]:
    """Milliseconds until each of so many keys comes back."""
    found = []
    for _ in range(keys):
        began = time.perf_counter()
        viewer.type("k")
        viewer.read_until(b"k", 30)
        found.append(1000 * (time.perf_counter() - began))
        time.sleep(0.005)
    return sorted(found)


@contextmanager
def flooded(dvm_home: DvmHome, line: str, times: int) -> Iterator[Callable[[], int]]:
    """So many terminals that are flooded by this line while nobody looks; says how many bytes have come."""
    loud = [dvm_home.shell() for _ in range(times)]
    for _, viewer in loud:
        viewer.read_until(b"$ ")
        viewer.type(f"exec nice -n 19 {line}\n")
        viewer.close()

    def total() -> int:
        """What the keeper has read; `replay` is where the output of now ends."""
        found = 0
        for terminal, _ in loud:
            with client.attach(dvm_home, terminal, None) as connection:
                found += int(connection.attached["replay"])
        return found

    while total() < 100_000:
        time.sleep(0.05)
    yield total
    for terminal, _ in loud:
        client.close(dvm_home, terminal)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=200)
    given = parser.parse_args()
    with throwaway() as dvm_home:
        _, quiet = dvm_home.shell()
        quiet.type("stty raw -echo; echo RA''W; exec cat\n")
        quiet.read_until(b"RAW")
        alone = statistics.median(echoes(quiet, given.keys))
        print("\necho of a key, ms               p50  against alone     p99   MB/s of the floods")
        print(f"  {'alone':<24} {alone:>8.2f}")
        for name, line in KINDS.items():
            for times in (1, 8):
                with flooded(dvm_home, line, times) as total:
                    before, began = total(), time.perf_counter()
                    found = echoes(quiet, given.keys)
                    speed = (total() - before) / 1e6 / (time.perf_counter() - began)
                p50, p99 = statistics.median(found), found[int(len(found) * 0.99)]
                print(f"  {f'{times} x {name}':<24} {p50:>8.2f} {p50 / alone:>14.1f} {p99:>7.2f} {speed:>10.2f}")
        print("wanted: no kind slower than the same number of floods of letters")


if __name__ == "__main__":
    main()
