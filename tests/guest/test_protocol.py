"""Guest answers: whole, of this question, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvmweb.errors import CheckFailed
from dvmweb.guest import protocol
from dvmweb.guest.protocol import Reader, Record, number, parse

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
    with pytest.raises(CheckFailed):
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
    with pytest.raises(CheckFailed):
        parse(whole[:cut], "work", NONCE)


@given(
    st.lists(st.tuples(st.just(b"at"), st.binary(max_size=20).filter(lambda b: b"\0" not in b)), max_size=5),
    st.integers(1, 40),
)
def test_read_while_it_comes_it_is_the_same(records: list[tuple[bytes, ...]], step: int) -> None:
    whole = b"welcome\n" + answer(*records) + b"logout\n"
    reader = Reader("work", NONCE)
    found: list[Record] = []
    for at in range(0, len(whole), step):
        found += reader.feed(whole[at : at + step])
    assert tuple(found) == parse(whole, "work", NONCE)
    assert reader.is_whole
    cut = Reader("work", NONCE)
    assert tuple(cut.feed(whole[: -len("logout\n") - 1])) == tuple(found)
    assert not cut.is_whole


@pytest.mark.parametrize("output", [b"x" * 10**6, answer(kind=b"state"), answer(nonce=b"1" * 32)])
def test_d11_what_is_not_ours_is_never_kept_or_whole(output: bytes) -> None:
    reader = Reader("work", NONCE)
    for _ in range(3):
        assert reader.feed(output) == ()
    assert not reader.is_whole
    assert len(reader._pending) < 200


@pytest.mark.parametrize("behind", [b"at\0-1\0", b"at\x0099\0", b"at\0001\0" + b"x" * 70_000])
def test_d11_a_record_that_cannot_be_is_refused_while_it_comes(behind: bytes) -> None:
    begun = answer()[: answer().index(b"end")]
    with pytest.raises(CheckFailed):
        Reader("work", NONCE).feed(begun + behind)


@pytest.mark.parametrize("field", [b"", b"-1", b"1e9", b"99999999999999999", b"11", "\u0661".encode()])
def test_a_number_that_cannot_be_is_refused(field: bytes) -> None:
    with pytest.raises(CheckFailed):
        number(field, 10)


@pytest.mark.parametrize("kind", ["work", "state", "sandbox", "key", "hook", "terminal"])
@pytest.mark.parametrize("record", [b"\x000\0", b"x\x000\0", b"x\x001\0\0"])
def test_s9_an_answer_of_very_many_records_is_refused_before_they_are_read(kind: str, record: bytes) -> None:
    head, end = f"dvm-answer\0{kind}\x001\0{NONCE}\0".encode(), f"end\x001\0{NONCE}\0".encode()
    whole = head + record * (protocol.MAX_BYTES // len(record) - 100) + end
    with pytest.raises(CheckFailed, match="too many records"):
        parse(whole, kind, NONCE)
    made: list[Record] = []

    def counted(*given: object) -> Record:
        made.append(Record("", ()))
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "Record", counted)
        with pytest.raises(CheckFailed):
            parse(whole, kind, NONCE)
    assert len(made) <= protocol.MAX_RECORDS.get(kind, protocol.MAX_RECORDS_ELSE)


def test_as_many_records_as_there_may_be_are_read() -> None:
    most = protocol.MAX_RECORDS_ELSE
    assert len(parse(answer(*[(b"x",)] * most, kind=b"state"), "state", NONCE)) == most
    with pytest.raises(CheckFailed, match="too many records"):
        parse(answer(*[(b"x",)] * (most + 1), kind=b"state"), "state", NONCE)
