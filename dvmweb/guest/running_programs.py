"""Parses the answers of `terminals.sh` and `idle.sh`: the names of programs that run in a guest. Runs nothing."""

from __future__ import annotations

from collections.abc import Sequence

from dvmweb.errors import CheckFailed
from dvmweb.guest import protocol
from dvmweb.guest.protocol import Record


def parse_terminal(output: bytes, nonce: str) -> tuple[bytes, ...] | None:
    """The names of the programs running in a terminal, besides its shell; None if the terminal does not exist.

    Raises CheckFailed if the answer is incomplete or invalid.
    """
    records = protocol.parse(output, "terminal", nonce)
    if not records or records[0].tag != "shell":
        return None
    return _names(records[1:])


def parse_idle(output: bytes, nonce: str) -> tuple[bytes, ...]:
    """The names of programs of users that run in the guest. Raises CheckFailed for an incomplete or invalid answer."""
    return _names(protocol.parse(output, "idle", nonce))


def _names(records: Sequence[Record]) -> tuple[bytes, ...]:
    if any(record.tag != "runs" or len(record.fields) != 1 for record in records):
        raise CheckFailed("The guest's answer has an unknown record.", protocol.TRY_AGAIN)
    return tuple(record.fields[0] for record in records)
