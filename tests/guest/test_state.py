"""Reading a guest's answers: anything but a whole, right answer is "could not look"."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvmweb.errors import CheckFailed
from dvmweb.guest.state import parse_hook, parse_key, parse_state

NONCE = "c0ffee00" * 4
A = "a" * 64
HOST = ("host", "lima-dvm-app", "dev", "1000", "b-0")
CODE = ("code", "empty", "")
IDENTITY = ("identity", "dvm-app", "0" * 32)
KEY = "ssh-ed25519 " + "A" * 68


def answer(*records: tuple[str | bytes, ...], kind: str = "state", nonce: str = NONCE) -> bytes:
    fields: list[str | bytes] = ["dvm-answer", kind, "1", nonce]
    for tag, *values in (*records, ("end", nonce)):
        fields += [tag, str(len(values)), *values]
    return b"".join((field.encode() if isinstance(field, str) else field) + b"\0" for field in fields)


GOOD = (IDENTITY, HOST, CODE)


def test_the_least_answer() -> None:
    state = parse_state(b"motd\n" + answer(*GOOD) + b"bye", NONCE)
    assert state.identity == ("dvm-app", "0" * 32)
    assert (state.hostname, state.user, state.uid, state.boot_id) == ("lima-dvm-app", "dev", 1000, "b-0")
    assert not state.is_demo


def test_network_and_disk_are_new_in_an_answer_and_may_be_missing() -> None:
    assert (parse_state(answer(*GOOD), NONCE).network, parse_state(answer(*GOOD), NONCE).disk) == (None, None)
    state = parse_state(answer(*GOOD, ("network", "70", "8"), ("disk", "2", "9")), NONCE)
    assert (state.network, state.disk) == ((70, 8), (2048, 9216))


def test_guest_text_is_bounded_and_decoded() -> None:
    state = parse_state(answer(IDENTITY, ("host", b"\xffh", "u", "1", ""), ("code", "files", b"\x1b\xfe")), NONCE)
    assert (state.hostname, state.origin) == ("�h", "\x1b�")


@pytest.mark.parametrize(
    "records",
    [
        (),
        (HOST, CODE),
        (IDENTITY, CODE),
        (IDENTITY, HOST),
        (*GOOD, CODE),
        (*GOOD, ("surprise", "x")),
        (*GOOD, ("demo", "x")),
        (*GOOD, ("odd-identity",)),
        (*GOOD, ("odd-hook", "new")),
        (*GOOD, ("applied", "git", A, "done")),
        (*GOOD, ("applied", "git", A, "maybe", "1")),
        (*GOOD, ("applied", "git", A[1:], "done", "1")),
        (*GOOD, ("applied", "git", A, "done", "-1")),
        (*GOOD, ("applied", "git", A, "done", "9" * 14)),
        (*GOOD, ("applied", "../git", A, "done", "1")),
        (*GOOD, ("applied", "git", A, "done", "1"), ("applied", "git", A, "done", "2")),
        (*GOOD, ("probe", "git", "ok")),
        (*GOOD, ("applied", "git", A, "done", "1"), ("probe", "git", "good")),
        (*GOOD, ("applied", "git", A, "done", "1"), ("probe", "git", "ok"), ("probe", "git", "ok")),
        (*GOOD, ("key", "ssh-ed25519 short")),
        (*GOOD, ("key", KEY + "\nssh-rsa x")),
        (*GOOD, ("hook", A, "65537")),
        (*GOOD, ("hook", "x", "1")),
        (*GOOD, ("hook-applied", "x")),
        (*GOOD, ("use", "2", "1", "1", "2")),
        (*GOOD, ("use", "1", "2", "3", "2")),
        (*GOOD, ("use", "1", "2", "-1", "2")),
        (*GOOD, ("use", "1", "2", "1", "9" * 15)),
        (*GOOD, ("network", "1")),
        (*GOOD, ("network", "1", "-1")),
        (*GOOD, ("network", "1", "9" * 16)),
        (*GOOD, ("disk", "3", "2")),
        (*GOOD, ("disk", "1", "9" * 15)),
        (*GOOD, ("disk", "1", "2"), ("disk", "1", "2")),
        (("identity", "dvm-app", ""), HOST, CODE),
        (("identity", "dvm-app\n", "0" * 32), HOST, CODE),
        (IDENTITY, ("host", "h" * 256, "u", "1", ""), CODE),
        (IDENTITY, ("host", "h", "u", "x", ""), CODE),
        (IDENTITY, ("host", "h", "u", "1", "b\n"), CODE),
        (IDENTITY, HOST, ("code", "clean", "")),
        (IDENTITY, HOST, ("code", "empty", "x" * 1001)),
    ],
)
def test_d11_what_cannot_be_is_could_not_look(records: tuple[tuple[str, ...], ...]) -> None:
    with pytest.raises(CheckFailed):
        parse_state(answer(*records), NONCE)


def test_an_answer_to_another_question_does_not_count() -> None:
    for output in (answer(*GOOD, nonce="0" * 32), answer(*GOOD, kind="work"), answer(*GOOD)[:-1], b"", b"\0" * 99):
        with pytest.raises(CheckFailed):
            parse_state(output, NONCE)


WHOLE = answer(*GOOD, ("applied", "git", A, "done", "1"), ("probe", "git", "ok"), ("key", KEY), ("hook", A, "5"))


@given(st.integers(0, len(WHOLE) - 1), st.binary(max_size=4), st.integers(0, 6))
def test_a_bent_answer_never_crashes(at: int, put: bytes, cut: int) -> None:
    try:
        state = parse_state(WHOLE[:at] + put + WHOLE[at + cut :], NONCE)
    except CheckFailed:
        return
    assert set(state.probes) <= set(state.applied)
    assert len(state.hostname) <= 255


def test_a_key_answer() -> None:
    fingerprint = "SHA256:" + "x" * 43
    key = parse_key(answer(("key", KEY, fingerprint), kind="key"), NONCE)
    assert key is not None
    assert (key.line, key.fingerprint) == (KEY, fingerprint)
    assert parse_key(answer(("none",), kind="key"), NONCE) is None
    for records in (
        (),
        (("key", KEY, "MD5:x"),),
        (("key", KEY + "\x1b", fingerprint),),
        (("other",),),
        (("none",),) * 2,
    ):
        with pytest.raises(CheckFailed):
            parse_key(answer(*records, kind="key"), NONCE)


def test_a_hook_answer_must_fit_its_checksum() -> None:
    for records in ((), (("hook", A, "text"),), (("hook", "", ""),), (("odd", "link"),), (("odd", "\x1b"),), (("x",),)):
        with pytest.raises(CheckFailed):
            parse_hook(answer(*records, kind="hook"), NONCE)
