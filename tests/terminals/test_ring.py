"""The replay buffer against a model: a plain string of all bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvmweb.terminals.ring import Ring


@given(st.lists(st.binary(max_size=30)), st.integers(1, 16), st.data())
def test_the_ring_holds_the_last_bytes_by_their_offset(pieces: list[bytes], capacity: int, data: st.DataObject) -> None:
    ring, whole = Ring(capacity), b""
    for piece in pieces:
        ring.append(piece)
        whole += piece
    assert (ring.start, ring.end) == (max(0, len(whole) - capacity), len(whole))
    offset = data.draw(st.integers(ring.start, ring.end))
    length = data.draw(st.integers(0, ring.end - offset))
    assert b"".join(ring.views(offset, length)) == whole[offset : offset + length]


def test_what_is_gone_or_not_there_yet_is_refused() -> None:
    ring = Ring(4)
    ring.append(b"abcdef")
    for offset, length in ((1, 1), (2, 5), (7, 0), (-1, 1)):
        with pytest.raises(IndexError):
            ring.views(offset, length)


def test_a_read_goes_straight_into_the_ring_over_its_end() -> None:
    ring = Ring(8)
    ring.append(b"abcdef")

    def read_into(room: list[memoryview]) -> int:
        assert [len(place) for place in room] == [2, 3]
        room[0][:], room[1][:2] = b"gh", b"ij"
        return 4

    assert ring.fill(read_into, 5) == 4
    assert b"".join(ring.views(ring.start, 8)) == b"cdefghij"


def test_replay_begins_at_a_line() -> None:
    ring = Ring(16)
    ring.append(b"0123456789\x1b[3\nnext line")
    assert b"".join(ring.views(ring.line_start(ring.start), 9)) == b"next line"
    ring.append(b"x" * 16)
    assert ring.line_start(ring.start) == ring.start
