"""Guest answers: whole, of this question, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvmweb.answers import Record, number, parse
from dvmweb.errors import CouldNotLook

NONCE = "0" * 32


def answer(*records: tuple[bytes, ...], kind: bytes = b"work", nonce: bytes = NONCE.encode()) -> bytes:
    parts = [b"dvm-answer", kind, b"1", nonce]
    for tag, *fields in (*records, (b"end", nonce)):
        parts += [tag, str(len(fields)).encode(), *fields]
    return b"\0".join(parts) + b"\0"


def test_records_come_out_as_they_went_in() -> None:
    output = b"welcome to fedora\n" + answer((b"file", b"a\nb", b""), (b"none",)) + b"logout\n"
    assert parse(output, "work", NONCE) == (Record("file", (b"a\nb", b"")), Record("none", ()))


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"clean",
        answer(kind=b"state"),
        answer(nonce=b"1" * 32),
        answer((b"file", b"x"))[:-40],
        answer((b"file", b"x")).replace(b"file\x001", b"file\x009"),
        answer((b"file", b"x")).replace(b"file\x001", b"file\x00-1"),
        answer().replace(b"work\x001", b"work\x002"),
    ],
)
def test_d11_anything_else_is_could_not_look(output: bytes) -> None:
    with pytest.raises(CouldNotLook):
        parse(output, "work", NONCE)


def test_a_forged_end_inside_a_field_is_only_a_field() -> None:
    forged = b"end\n1\n" + NONCE.encode()
    assert parse(answer((b"file", forged)), "work", NONCE) == (Record("file", (forged,)),)


@given(
    st.lists(st.tuples(st.just(b"file"), st.binary(max_size=20).filter(lambda b: b"\0" not in b)), max_size=5),
    st.data(),
)
def test_a_cut_answer_never_counts(records: list[tuple[bytes, ...]], data: st.DataObject) -> None:
    whole = answer(*records)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(CouldNotLook):
        parse(whole[:cut], "work", NONCE)


@pytest.mark.parametrize("field", [b"", b"-1", b"1e9", b"99999999999999999", b"11", "\u0661".encode()])
def test_a_number_that_cannot_be_is_refused(field: bytes) -> None:
    with pytest.raises(CouldNotLook):
        number(field, 10)
