"""Login tokens, sessions, their clocks and their files (threats.md B)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dvmweb.errors import UsageError
from dvmweb.web.server import login_tokens
from dvmweb.web.server.login_tokens import LOGIN_SECONDS
from dvmweb.web.server.sessions import ABSOLUTE_SECONDS, IDLE_SECONDS, MOST_SESSIONS, SAVE_EVERY, Sessions


class Clock:
    """Boot seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def dvm_home(tmp_path: Path, clock: Clock) -> Iterator[Sessions]:
    return Sessions(tmp_path / "web", clock)  # type: ignore[return-value]


def log_in(dvm_home: Sessions) -> str:
    session_id = dvm_home.login(dvm_home.issue_login())
    assert session_id
    return session_id


@pytest.mark.parametrize("wrong", ["", "x", "\0", "é", "\ud800", "a" * 100_000, "../secret.json", "%00"])
def test_b01_a_wrong_token(dvm_home: Sessions, wrong: str) -> None:
    token = dvm_home.issue_login()
    assert dvm_home.login(wrong) is None
    assert dvm_home.login(token[:-1]) is None
    assert dvm_home.login(f"{token} ") is None
    assert dvm_home.login(token) is not None


def test_b01_tokens_are_compared_in_constant_time_and_kept_as_hashes(dvm_home: Sessions) -> None:
    token = dvm_home.issue_login()
    (file,) = (dvm_home.folder / "logins").iterdir()
    assert file.name == login_tokens.hashed(token)
    assert token not in file.read_text()
    assert "compare_digest(path.name.encode(), wanted.encode())" in Path(login_tokens.__file__).read_text()


def test_b02_a_token_is_good_once(dvm_home: Sessions) -> None:
    token = dvm_home.issue_login()
    assert dvm_home.login(token)
    assert dvm_home.login(token) is None


def test_b02_a_token_is_good_for_five_minutes(dvm_home: Sessions, clock: Clock) -> None:
    early, late = dvm_home.issue_login(), dvm_home.issue_login()
    clock.now += LOGIN_SECONDS
    assert dvm_home.login(early)
    clock.now += 1
    assert dvm_home.login(late) is None
    assert dvm_home.login(late) is None


def test_a_token_of_an_earlier_start_of_the_computer_is_void(dvm_home: Sessions, clock: Clock) -> None:
    clock.now = 1_000_000.0
    old = dvm_home.issue_login()
    clock.now = 50.0
    dvm_home.issue_login()
    assert len(list((dvm_home.folder / "logins").iterdir())) == 1
    assert dvm_home.login(old) is None


def test_b04_only_the_exact_id(dvm_home: Sessions) -> None:
    session_id = log_in(dvm_home)
    assert dvm_home.find(session_id)
    for at in range(len(session_id)):
        edited = session_id[:at] + ("A" if session_id[at] != "A" else "B") + session_id[at + 1 :]
        assert dvm_home.find(edited) is None
    for wrong in ("", "\ud800", session_id[:-1], f"{session_id} ", session_id.swapcase()):
        assert dvm_home.find(wrong) is None


def test_b04_a_session_of_another_folder_or_of_one_that_was_logged_out(dvm_home: Sessions, tmp_path: Path) -> None:
    session_id = log_in(dvm_home)
    other = Sessions(tmp_path / "other")
    assert other.find(session_id) is None
    session = dvm_home.find(session_id)
    assert session
    dvm_home.logout(session)
    assert dvm_home.find(session_id) is None
    assert not dvm_home.is_live(session.key)
    assert Sessions(dvm_home.folder, dvm_home.clock).find(session_id) is None


def test_a_session_outlives_the_dashboard(dvm_home: Sessions, clock: Clock) -> None:
    session_id = log_in(dvm_home)
    again = Sessions(dvm_home.folder, clock)
    found = again.find(session_id)
    assert found
    assert again.prefix == dvm_home.prefix
    assert again.csrf_token(found) == dvm_home.csrf_token(found)


def test_b04_log_out_everywhere_makes_all_secrets_new(dvm_home: Sessions, clock: Clock) -> None:
    ended: list[str] = []
    dvm_home.on_end.append(ended.append)
    one, two, token = log_in(dvm_home), log_in(dvm_home), dvm_home.issue_login()
    session = dvm_home.find(one)
    assert session
    prefix, cookie, csrf = dvm_home.prefix, dvm_home.cookie_name, dvm_home.csrf_token(session)
    dvm_home.logout_everywhere()
    assert len(ended) == 2
    assert not any((dvm_home.find(one), dvm_home.find(two), dvm_home.login(token)))
    assert dvm_home.prefix != prefix
    assert dvm_home.cookie_name != cookie
    assert not dvm_home.is_csrf_token(session, csrf)
    again = Sessions(dvm_home.folder, clock)
    assert again.prefix == dvm_home.prefix
    assert again.find(one) is None


def test_b04_sessions_do_not_survive_a_new_secret(dvm_home: Sessions, clock: Clock) -> None:
    session_id = log_in(dvm_home)
    (dvm_home.folder / "secret.json").unlink()
    assert Sessions(dvm_home.folder, clock).find(session_id) is None


def test_b06_twelve_hours_idle(dvm_home: Sessions, clock: Clock) -> None:
    session_id = log_in(dvm_home)
    for _ in range(3):
        clock.now += IDLE_SECONDS
        assert dvm_home.find(session_id)
    clock.now += IDLE_SECONDS + 1
    assert dvm_home.find(session_id) is None
    dvm_home.end_over()
    clock.now -= IDLE_SECONDS
    assert dvm_home.find(session_id) is None


def test_b06_seven_days_whatever_it_does(dvm_home: Sessions, clock: Clock) -> None:
    session_id = log_in(dvm_home)
    for _ in range(ABSOLUTE_SECONDS // IDLE_SECONDS):
        clock.now += IDLE_SECONDS
        assert dvm_home.find(session_id)
    clock.now += 1
    assert dvm_home.find(session_id) is None


def test_b06_sockets_end_with_the_time_of_their_session(dvm_home: Sessions, clock: Clock) -> None:
    ended: list[str] = []
    dvm_home.on_end.append(ended.append)
    old = dvm_home.find(log_in(dvm_home))
    clock.now += IDLE_SECONDS
    young = dvm_home.find(log_in(dvm_home))
    assert old
    assert young
    dvm_home.end_over()
    assert not ended
    clock.now += 1
    dvm_home.end_over()
    assert ended == [old.key]
    assert dvm_home.is_live(young.key)


@pytest.mark.parametrize("jump", [-86_400, 365 * 86_400])
def test_b06_the_wall_clock_has_no_part_in_it(
    dvm_home: Sessions, clock: Clock, jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = log_in(dvm_home)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    assert dvm_home.find(session_id)
    assert Sessions(dvm_home.folder, clock).find(session_id)
    clock.now += IDLE_SECONDS + 1
    assert dvm_home.find(session_id) is None


def test_b06_another_start_of_the_computer_ends_it(dvm_home: Sessions, clock: Clock) -> None:
    session_id = log_in(dvm_home)
    clock.now = 10.0
    assert Sessions(dvm_home.folder, clock).find(session_id) is None
    clock.now = 1_000.0
    facts = json.loads((dvm_home.folder / "sessions.json").read_text())
    (dvm_home.folder / "sessions.json").write_text(json.dumps({**facts, "boot": "another"}))
    assert Sessions(dvm_home.folder, clock).find(session_id) is None


def test_b08_a_form_that_was_open_for_25_hours(dvm_home: Sessions, clock: Clock) -> None:
    session_id = log_in(dvm_home)
    session = dvm_home.find(session_id)
    assert session
    token = dvm_home.csrf_token(session)
    for _ in range(5):
        clock.now += 5 * 3600
        session = dvm_home.find(session_id)
        assert session
    assert dvm_home.is_csrf_token(session, token)


def test_ten_tries_a_minute(dvm_home: Sessions, clock: Clock) -> None:
    assert all(dvm_home.may_try() for _ in range(10))
    assert not dvm_home.may_try()
    clock.now += 60
    assert dvm_home.may_try()


def test_the_newest_sessions_are_kept(dvm_home: Sessions, clock: Clock) -> None:
    first = log_in(dvm_home)
    for _ in range(MOST_SESSIONS):
        clock.now += 1
        last = log_in(dvm_home)
    assert dvm_home.find(first) is None
    assert dvm_home.find(last)


def test_nothing_that_is_stored_lets_anybody_in(dvm_home: Sessions) -> None:
    session_id = log_in(dvm_home)
    token = dvm_home.issue_login()
    for file in (path for path in dvm_home.folder.rglob("*") if path.is_file()):
        assert session_id not in file.read_text()
        assert token not in file.read_text()
        assert not file.stat().st_mode & 0o077
    assert not dvm_home.folder.stat().st_mode & 0o077


def test_g02_a_folder_of_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web").chmod(0o770)
    with pytest.raises(UsageError, match="chmod 700"):
        Sessions(tmp_path / "web")
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(UsageError):
        Sessions(tmp_path / "link")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"sessions": 1}', '{"sessions": [{}]}', "x" * 200_000, "\0"])
def test_broken_files_mean_nobody_is_logged_in(dvm_home: Sessions, clock: Clock, text: str) -> None:
    session_id = log_in(dvm_home)
    (dvm_home.folder / "sessions.json").write_text(text)
    assert Sessions(dvm_home.folder, clock).find(session_id) is None
    (dvm_home.folder / "secret.json").write_text(text)
    again = Sessions(dvm_home.folder, clock)
    assert again.prefix != dvm_home.prefix
    assert len(again.prefix) == 35


def test_last_seen_is_saved_now_and_then(dvm_home: Sessions, clock: Clock) -> None:
    session_id = log_in(dvm_home)
    saved = (dvm_home.folder / "sessions.json").read_bytes()
    clock.now += SAVE_EVERY
    dvm_home.find(session_id)
    assert (dvm_home.folder / "sessions.json").read_bytes() == saved
    clock.now += 1
    dvm_home.find(session_id)
    assert (dvm_home.folder / "sessions.json").read_bytes() != saved


def test_a_login_that_sweeps_an_old_session_tells_its_end(dvm_home: Sessions, clock: Clock) -> None:
    old = dvm_home.find(dvm_home.login(dvm_home.issue_login()) or "")
    assert old is not None
    ended: list[str] = []
    dvm_home.on_end.append(ended.append)
    clock.now += 13 * 3600
    dvm_home.login(dvm_home.issue_login())
    assert ended == [old.key]


def test_a_login_ends_no_session_that_is_used_meanwhile(
    dvm_home: Sessions, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page polls while another browser logs in: it is not older than the future."""
    first = dvm_home.login(dvm_home.issue_login())
    assert first
    token, redeem = dvm_home.issue_login(), login_tokens.redeem

    def slowly(folder: Path, given: str, now: float) -> bool:
        clock.now += 1
        assert dvm_home.find(first)
        return redeem(folder, given, now)

    monkeypatch.setattr(login_tokens, "redeem", slowly)
    assert dvm_home.login(token)
    assert dvm_home.find(first)
