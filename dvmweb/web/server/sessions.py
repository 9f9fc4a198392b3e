"""The logged-in sessions: the secret path prefix, sessions by hash and CSRF tokens, stored in the state folder."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from hmac import compare_digest
from pathlib import Path
from typing import Any

from dvmweb.errors import UsageError
from dvmweb.files import private_folder, read_bounded, write_whole
from dvmweb.web.server import login_tokens
from dvmweb.web.server.login_tokens import boot_seconds, hashed

SESSION = "dvm.session"  # the key of the session in the WSGI environment, set by the guard
IDLE_SECONDS = 12 * 3600
ABSOLUTE_SECONDS = 7 * 24 * 3600
TRIES = 10  # logins per minute
SAVE_EVERY = 60  # seconds between saves of "last seen"
MOST_SESSIONS = 50
FILE_BYTES = 100_000
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Session:
    """A logged-in browser. `key` is the hash of its ID; the ID itself is only in the cookie."""

    key: str
    created: float  # boot seconds
    seen: float  # boot seconds

    def is_over(self, now: float) -> bool:
        """Return whether it is idle for 12 h, older than 7 days, or from before the host's last boot."""
        idle, old = now - self.seen, now - self.created
        return not (0 <= idle <= IDLE_SECONDS and 0 <= old <= ABSOLUTE_SECONDS)


class Sessions:
    """The secrets and sessions of one dashboard; `folder` is state/web. Safe for threads."""

    def __init__(self, folder: Path, clock: Callable[[], float] = boot_seconds) -> None:
        self.folder = private_folder(folder)
        self.clock = clock  # boot seconds
        self.on_login: list[Callable[[], None]] = []
        self.on_end: list[Callable[[str], None]] = []  # called with the key of an ended session
        self._lock = threading.Lock()
        self._tries: deque[float] = deque(maxlen=TRIES)
        self._saved_at = clock()
        self._prefix, self._secret = self._read_secret()
        self._sessions = self._read_sessions()

    # -- the address -------------------------------------------------------------------------------------------------

    @property
    def prefix(self) -> str:
        """The secret path prefix of all pages: /d/ and 128 bits in hex, without a trailing slash."""
        return f"/d/{self._prefix}"

    @property
    def cookie_name(self) -> str:
        """The cookie's name; contains part of the prefix, so that two dashboards on a host do not share a cookie."""
        return f"dvm_{self._prefix[:8]}"

    def issue_login(self) -> str:
        """A new one-use login token."""
        return login_tokens.issue(self.folder, self.clock())

    # -- sessions ----------------------------------------------------------------------------------------------------

    def may_try(self) -> bool:
        """Count a login attempt and return whether it is allowed: at most 10 per minute."""
        with self._lock:
            now = self.clock()
            if len(self._tries) == TRIES and now - self._tries[0] < 60:
                return False
            self._tries.append(now)
            return True

    def login(self, token: str) -> str | None:
        """Use up a login token. Returns the ID of a new session for the cookie, or None."""
        if not login_tokens.redeem(self.folder, token, self.clock()):
            return None
        session_id = secrets.token_urlsafe(32)
        with self._lock:
            now = self.clock()  # read here: a session that was seen since would count as one of the future, and end
            key = hashed(session_id)
            self._sessions[key] = Session(key, now, now)
            dropped = self._forget_old(now)
            self._save()
        self._notify_ended(dropped)
        for call in self.on_login:
            call()
        return session_id

    def find(self, session_id: str) -> Session | None:
        """The session of a cookie, now marked as used; None where there is none or it has expired."""
        given = hashed(session_id).encode()
        with self._lock:
            now = self.clock()
            found = None
            for key in self._sessions:  # all of them, so that the timing reveals nothing
                found = key if compare_digest(key.encode(), given) else found
            if found is None or self._sessions[found].is_over(now):
                return None
            self._sessions[found] = session = replace(self._sessions[found], seen=now)
            if now - self._saved_at > SAVE_EVERY:
                self._save()
            return session

    def is_live(self, key: str) -> bool:
        """Return whether the session of this key is still valid (for a socket that outlives its request)."""
        with self._lock:
            session = self._sessions.get(key)
            return session is not None and not session.is_over(self.clock())

    def end_over(self) -> None:
        """Drop expired sessions and close their sockets: a terminal can be open without any request."""
        with self._lock:
            now = self.clock()
            over = tuple(key for key, session in self._sessions.items() if session.is_over(now))
            for key in over:
                del self._sessions[key]
            if over:
                self._save()
        self._notify_ended(over)

    def logout(self, session: Session) -> None:
        """End a session and close its sockets."""
        with self._lock:
            self._sessions.pop(session.key, None)
            self._save()
        self._notify_ended((session.key,))

    def logout_everywhere(self) -> None:
        """End all sessions, delete all login tokens, and change the secret path and key."""
        with self._lock:
            ended = tuple(self._sessions)
            self._sessions = {}
            self._prefix, self._secret = self._new_secret()
            self._save()
            login_tokens.forget_all(self.folder)
        self._notify_ended(ended)

    def _notify_ended(self, keys: tuple[str, ...]) -> None:
        for key in keys:
            for call in self.on_end:
                call(key)

    # -- CSRF --------------------------------------------------------------------------------------------------------

    def csrf_token(self, session: Session) -> str:
        """The CSRF token of all forms of a session, valid as long as the session."""
        return hmac.new(self._secret, f"csrf:{session.key}".encode(), hashlib.sha256).hexdigest()

    def is_csrf_token(self, session: Session, token: str) -> bool:
        """Compare in constant time."""
        return compare_digest(self.csrf_token(session).encode(), token.encode("utf-8", "surrogatepass"))

    # -- files -------------------------------------------------------------------------------------------------------

    def _read_secret(self) -> tuple[str, bytes]:
        facts = self._read("secret.json")
        prefix, key = facts.get("prefix"), facts.get("key")
        if isinstance(prefix, str) and isinstance(key, str) and len(prefix) == 32 and len(key) == 64:
            with suppress(ValueError):
                return bytes.fromhex(prefix).hex(), bytes.fromhex(key)
        return self._new_secret()

    def _new_secret(self) -> tuple[str, bytes]:
        prefix, key = secrets.token_hex(16), secrets.token_bytes(32)
        write_whole(self.folder / "secret.json", json.dumps({"prefix": prefix, "key": key.hex()}).encode())
        return prefix, key

    def _read_sessions(self) -> dict[str, Session]:
        facts = self._read("sessions.json")
        if facts.get("boot") != _boot_id() or facts.get("prefix") != hashed(self._prefix):
            return {}
        try:
            kept = [Session(str(one["key"]), float(one["created"]), float(one["seen"])) for one in facts["sessions"]]
        except (KeyError, TypeError, ValueError):
            return {}
        now = self.clock()
        return {session.key: session for session in kept if not session.is_over(now)}

    def _read(self, name: str) -> dict[str, Any]:
        with suppress(FileNotFoundError, ValueError, UsageError):
            facts = json.loads(read_bounded(self.folder / name, FILE_BYTES, follow=False))
            return facts if isinstance(facts, dict) else {}
        return {}

    def _forget_old(self, now: float) -> tuple[str, ...]:
        """Drop expired sessions and those over the limit; returns their keys."""
        before = list(self._sessions)
        kept = sorted((s for s in self._sessions.values() if not s.is_over(now)), key=lambda s: s.seen)
        self._sessions = {session.key: session for session in kept[-MOST_SESSIONS:]}
        return tuple(key for key in before if key not in self._sessions)

    def _save(self) -> None:
        self._saved_at = self.clock()
        facts = {
            "boot": _boot_id(),
            "prefix": hashed(self._prefix),
            "sessions": [asdict(session) for session in self._sessions.values()],
        }
        write_whole(self.folder / "sessions.json", json.dumps(facts).encode())


def _boot_id() -> str:
    """The ID of this boot; "" where the system has none (the clock then decides)."""
    try:
        return BOOT_ID.read_text("ascii").strip()
    except OSError:
        return ""
