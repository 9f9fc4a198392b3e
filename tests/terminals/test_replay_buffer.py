"""The replay buffer against a model: a plain string of all bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvmweb.terminals.keeper.replay_buffer import ReplayBuffer


@given(st.lists(st.binary(max_size=30)), st.integers(1, 16), st.data())
def test_the_ring_holds_the_last_bytes_by_their_offset(pieces: list[bytes], capacity: int, data: st.DataObject) -> None:
    buffer, whole = ReplayBuffer(capacity), b""
    for piece in pieces:
        buffer.append(piece)
        whole += piece
    assert (buffer.start, buffer.end) == (max(0, len(whole) - capacity), len(whole))
    offset = data.draw(st.integers(buffer.start, buffer.end))
    length = data.draw(st.integers(0, buffer.end - offset))
    assert b"".join(buffer.views(offset, length)) == whole[offset : offset + length]


def test_what_is_gone_or_not_there_yet_is_refused() -> None:
    buffer = ReplayBuffer(4)
    buffer.append(b"abcdef")
    for offset, length in ((1, 1), (2, 5), (7, 0), (-1, 1)):
        with pytest.raises(IndexError):
            buffer.views(offset, length)


def test_a_read_goes_straight_into_the_ring_over_its_end() -> None:
    buffer = ReplayBuffer(8)
    buffer.append(b"abcdef")

    def read_into(room: list[memoryview]) -> int:
        assert [len(place) for place in room] == [2, 3]
        room[0][:], room[1][:2] = b"gh", b"ij"
        return 4

    assert buffer.fill(read_into, 5) == 4
    assert b"".join(buffer.views(buffer.start, 8)) == b"cdefghij"


def test_replay_begins_at_a_line() -> None:
    buffer = ReplayBuffer(16)
    buffer.append(b"0123456789\x1b[3\nnext line")
    assert b"".join(buffer.views(buffer.line_start(buffer.start), 9)) == b"next line"
    buffer.append(b"x" * 16)
    assert buffer.line_start(buffer.start) == buffer.start
