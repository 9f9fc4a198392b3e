"""Samples of load and turns of agents for the VMs of the pictures, which run too short to have their own."""

from __future__ import annotations

import math
import random
import time

from dvmweb.paths import Paths
from dvmweb.records import agent_turns, load_samples
from dvmweb.records.agent_turns import Turn
from dvmweb.records.load_samples import FAR, Reading

GIB = 1 << 30
STOPPED = (9 * 3600, 2 * 3600)  # seconds ago, between which the VM did not run
TURNS = ((41, 29), (17, 12))  # minutes ago


def add_load(paths: Paths, vm: str, seed: int) -> None:
    """Store a day of samples that end now, and two turns of Claude."""
    now, draw = time.time(), random.Random(seed)  # noqa: S311
    at, busy, received, sent = now - 86_400, 0.0, 0.0, 0.0
    level = 0.1 + 0.1 * seed
    while at < now:
        step = 16.0 if now - at < 3700 else FAR - 2
        ago = now - at
        worked = any(begin >= ago / 60 > end for begin, end in TURNS)
        level = min(0.95, max(0.02, level + draw.uniform(-0.08, 0.08) + (0.05 if worked else -0.01)))
        share = min(1.0, level + (0.25 if worked else 0.0))
        busy += share * step * 400
        received += draw.expovariate(1 / 60_000) * step * (8 if worked else 1)
        sent += draw.expovariate(1 / 9_000) * step
        if not STOPPED[0] > ago > STOPPED[1]:
            memory = int((1.6 + 0.4 * math.sin(at / 900) + share) * GIB)
            disk = int((8 + at % 86_400 / 86_400) * GIB)
            reading = Reading(at, 1, int(busy), int(at * 400), memory, disk, int(received), int(sent))
            load_samples.add(paths, vm, reading)
        at += step
    for begin, end in TURNS:
        agent_turns.add(paths, vm, Turn("claude", now - begin * 60, now - end * 60))
