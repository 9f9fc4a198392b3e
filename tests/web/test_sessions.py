"""Login tokens, sessions, their clocks and their files (threats.md B)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dvmweb.errors import UsageError
from dvmweb.web import logins
from dvmweb.web.logins import LOGIN_SECONDS
from dvmweb.web.sessions import ABSOLUTE_SECONDS, IDLE_SECONDS, MOST_SESSIONS, SAVE_EVERY, Sessions


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
def house(tmp_path: Path, clock: Clock) -> Iterator[Sessions]:
    return Sessions(tmp_path / "web", clock)  # type: ignore[return-value]


def log_in(house: Sessions) -> str:
    session_id = house.login(house.issue_login())
    assert session_id
    return session_id


@pytest.mark.parametrize("wrong", ["", "x", "\0", "é", "\ud800", "a" * 100_000, "../secret.json", "%00"])
def test_b01_a_wrong_token(house: Sessions, wrong: str) -> None:
    token = house.issue_login()
    assert house.login(wrong) is None
    assert house.login(token[:-1]) is None
    assert house.login(f"{token} ") is None
    assert house.login(token) is not None


def test_b01_tokens_are_compared_in_constant_time_and_kept_as_hashes(house: Sessions) -> None:
    token = house.issue_login()
    (file,) = (house.folder / "logins").iterdir()
    assert file.name == logins.hashed(token)
    assert token not in file.read_text()
    assert "compare_digest(path.name.encode(), asked.encode())" in Path(logins.__file__).read_text()


def test_b02_a_token_is_good_once(house: Sessions) -> None:
    token = house.issue_login()
    assert house.login(token)
    assert house.login(token) is None


def test_b02_a_token_is_good_for_five_minutes(house: Sessions, clock: Clock) -> None:
    early, late = house.issue_login(), house.issue_login()
    clock.now += LOGIN_SECONDS
    assert house.login(early)
    clock.now += 1
    assert house.login(late) is None
    assert house.login(late) is None


def test_a_token_of_an_earlier_start_of_the_computer_is_void(house: Sessions, clock: Clock) -> None:
    clock.now = 1_000_000.0
    old = house.issue_login()
    clock.now = 50.0
    house.issue_login()
    assert len(list((house.folder / "logins").iterdir())) == 1
    assert house.login(old) is None


def test_b04_only_the_exact_id(house: Sessions) -> None:
    session_id = log_in(house)
    assert house.find(session_id)
    for at in range(len(session_id)):
        edited = session_id[:at] + ("A" if session_id[at] != "A" else "B") + session_id[at + 1 :]
        assert house.find(edited) is None
    for wrong in ("", "\ud800", session_id[:-1], f"{session_id} ", session_id.swapcase()):
        assert house.find(wrong) is None


def test_b04_a_session_of_another_folder_or_of_one_that_was_logged_out(house: Sessions, tmp_path: Path) -> None:
    session_id = log_in(house)
    other = Sessions(tmp_path / "other")
    assert other.find(session_id) is None
    session = house.find(session_id)
    assert session
    house.logout(session)
    assert house.find(session_id) is None
    assert not house.is_live(session.key)
    assert Sessions(house.folder, house.clock).find(session_id) is None


def test_a_session_outlives_the_dashboard(house: Sessions, clock: Clock) -> None:
    session_id = log_in(house)
    again = Sessions(house.folder, clock)
    found = again.find(session_id)
    assert found
    assert again.prefix == house.prefix
    assert again.csrf_token(found) == house.csrf_token(found)


def test_b04_log_out_everywhere_makes_all_secrets_new(house: Sessions, clock: Clock) -> None:
    ended: list[str] = []
    house.on_end.append(ended.append)
    one, two, token = log_in(house), log_in(house), house.issue_login()
    session = house.find(one)
    assert session
    prefix, cookie, csrf = house.prefix, house.cookie_name, house.csrf_token(session)
    house.logout_everywhere()
    assert len(ended) == 2
    assert not any((house.find(one), house.find(two), house.login(token)))
    assert house.prefix != prefix
    assert house.cookie_name != cookie
    assert not house.is_csrf_token(session, csrf)
    again = Sessions(house.folder, clock)
    assert again.prefix == house.prefix
    assert again.find(one) is None


def test_b04_sessions_do_not_survive_a_new_secret(house: Sessions, clock: Clock) -> None:
    session_id = log_in(house)
    (house.folder / "secret.json").unlink()
    assert Sessions(house.folder, clock).find(session_id) is None


def test_b06_twelve_hours_idle(house: Sessions, clock: Clock) -> None:
    session_id = log_in(house)
    for _ in range(3):
        clock.now += IDLE_SECONDS
        assert house.find(session_id)
    clock.now += IDLE_SECONDS + 1
    assert house.find(session_id) is None
    house.end_over()
    clock.now -= IDLE_SECONDS
    assert house.find(session_id) is None


def test_b06_seven_days_whatever_it_does(house: Sessions, clock: Clock) -> None:
    session_id = log_in(house)
    for _ in range(ABSOLUTE_SECONDS // IDLE_SECONDS):
        clock.now += IDLE_SECONDS
        assert house.find(session_id)
    clock.now += 1
    assert house.find(session_id) is None


def test_b06_sockets_end_with_the_time_of_their_session(house: Sessions, clock: Clock) -> None:
    ended: list[str] = []
    house.on_end.append(ended.append)
    old = house.find(log_in(house))
    clock.now += IDLE_SECONDS
    young = house.find(log_in(house))
    assert old
    assert young
    house.end_over()
    assert not ended
    clock.now += 1
    house.end_over()
    assert ended == [old.key]
    assert house.is_live(young.key)


@pytest.mark.parametrize("jump", [-86_400, 365 * 86_400])
def test_b06_the_wall_clock_has_no_part_in_it(
    house: Sessions, clock: Clock, jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = log_in(house)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    assert house.find(session_id)
    assert Sessions(house.folder, clock).find(session_id)
    clock.now += IDLE_SECONDS + 1
    assert house.find(session_id) is None


def test_b06_another_start_of_the_computer_ends_it(house: Sessions, clock: Clock) -> None:
    session_id = log_in(house)
    clock.now = 10.0
    assert Sessions(house.folder, clock).find(session_id) is None
    clock.now = 1_000.0
    facts = json.loads((house.folder / "sessions.json").read_text())
    (house.folder / "sessions.json").write_text(json.dumps({**facts, "boot": "another"}))
    assert Sessions(house.folder, clock).find(session_id) is None


def test_b08_a_form_that_was_open_for_25_hours(house: Sessions, clock: Clock) -> None:
    session_id = log_in(house)
    session = house.find(session_id)
    assert session
    token = house.csrf_token(session)
    for _ in range(5):
        clock.now += 5 * 3600
        session = house.find(session_id)
        assert session
    assert house.is_csrf_token(session, token)


def test_ten_tries_a_minute(house: Sessions, clock: Clock) -> None:
    assert all(house.may_try() for _ in range(10))
    assert not house.may_try()
    clock.now += 60
    assert house.may_try()


def test_the_newest_sessions_are_kept(house: Sessions, clock: Clock) -> None:
    first = log_in(house)
    for _ in range(MOST_SESSIONS):
        clock.now += 1
        last = log_in(house)
    assert house.find(first) is None
    assert house.find(last)


def test_nothing_that_is_stored_lets_anybody_in(house: Sessions) -> None:
    session_id = log_in(house)
    token = house.issue_login()
    for file in (path for path in house.folder.rglob("*") if path.is_file()):
        assert session_id not in file.read_text()
        assert token not in file.read_text()
        assert not file.stat().st_mode & 0o077
    assert not house.folder.stat().st_mode & 0o077


def test_g02_a_folder_of_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web").chmod(0o770)
    with pytest.raises(UsageError, match="chmod 700"):
        Sessions(tmp_path / "web")
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(UsageError):
        Sessions(tmp_path / "link")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"sessions": 1}', '{"sessions": [{}]}', "x" * 200_000, "\0"])
def test_broken_files_mean_nobody_is_logged_in(house: Sessions, clock: Clock, text: str) -> None:
    session_id = log_in(house)
    (house.folder / "sessions.json").write_text(text)
    assert Sessions(house.folder, clock).find(session_id) is None
    (house.folder / "secret.json").write_text(text)
    again = Sessions(house.folder, clock)
    assert again.prefix != house.prefix
    assert len(again.prefix) == 35


def test_last_seen_is_saved_now_and_then(house: Sessions, clock: Clock) -> None:
    session_id = log_in(house)
    saved = (house.folder / "sessions.json").read_bytes()
    clock.now += SAVE_EVERY
    house.find(session_id)
    assert (house.folder / "sessions.json").read_bytes() == saved
    clock.now += 1
    house.find(session_id)
    assert (house.folder / "sessions.json").read_bytes() != saved


def test_a_login_that_sweeps_an_old_session_tells_its_end(house: Sessions, clock: Clock) -> None:
    old = house.find(house.login(house.issue_login()) or "")
    assert old is not None
    ended: list[str] = []
    house.on_end.append(ended.append)
    clock.now += 13 * 3600
    house.login(house.issue_login())
    assert ended == [old.key]
