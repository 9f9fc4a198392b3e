"""The frames between keeper and client."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvmweb.terminals import wire

MESSAGES = st.lists(st.one_of(st.binary(max_size=300), st.dictionaries(st.text(max_size=5), st.integers())), max_size=8)


@given(MESSAGES, st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_messages_survive_any_cutting(messages: list[wire.Message], cuts: list[int]) -> None:
    stream = b"".join(wire.control(m) if isinstance(m, dict) else wire.data(m) for m in messages)
    decoder, got, at = wire.Decoder(), [], 0
    while at < len(stream):
        size = cuts[at % len(cuts)]
        got += list(decoder.feed(stream[at : at + size]))
        at += size
    assert got == [m for m in messages if m != b""]


def test_long_data_is_cut_into_frames() -> None:
    payload = bytes(range(256)) * 1000
    got = list(wire.Decoder().feed(wire.data(payload)))
    assert max(len(piece) for piece in got) == wire.LONGEST_DATA
    assert b"".join(bytes(piece) for piece in got if isinstance(piece, bytes)) == payload


@pytest.mark.parametrize(
    "frame",
    [
        wire.HEADER.pack(b"D", wire.LONGEST_DATA + 1),
        wire.HEADER.pack(b"J", wire.LONGEST_CONTROL + 1),
        wire.HEADER.pack(b"J", 2) + b"{x",
        wire.HEADER.pack(b"J", 2) + b"[]",
        wire.HEADER.pack(b"J", 1) + b"\xff",
        wire.HEADER.pack(b"J", 10_000) + b"[" * 10_000,
        wire.HEADER.pack(b"J", 10_000) + b"9" * 10_000,
    ],
)
def test_a_bad_frame_is_refused_before_it_is_kept(frame: bytes) -> None:
    with pytest.raises(wire.WireError):
        list(wire.Decoder().feed(frame))


def test_a_frame_of_a_newer_kind_is_left_out() -> None:
    stream = wire.HEADER.pack(b"Z", 3) + b"new" + wire.data(b"old")
    assert list(wire.Decoder().feed(stream)) == [b"old"]
