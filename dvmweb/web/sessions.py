"""Who is logged in: the secret path prefix, sessions by hash, CSRF tokens; all of it in the state folder."""

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
from dvmweb.web import logins
from dvmweb.web.logins import boot_seconds, hashed

IDLE_SECONDS = 12 * 3600
ABSOLUTE_SECONDS = 7 * 24 * 3600
TRIES = 10  # logins a minute
SAVE_EVERY = 60  # seconds between saves of "last seen"
MOST_SESSIONS = 50
FILE_BYTES = 100_000
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Session:
    """One browser that has logged in; `key` is the hash of its id, the id itself is only in its cookie."""

    key: str
    created: float  # boot seconds
    seen: float  # boot seconds

    def is_over(self, now: float) -> bool:
        """Idle for 12 h, older than 7 days, or of another start of the computer (its clock began anew)."""
        idle, old = now - self.seen, now - self.created
        return not (0 <= idle <= IDLE_SECONDS and 0 <= old <= ABSOLUTE_SECONDS)


class Sessions:
    """The secrets and sessions of one dashboard; `folder` is state/web. Safe for threads."""

    def __init__(self, folder: Path, clock: Callable[[], float] = boot_seconds) -> None:
        self.folder = private_folder(folder)
        self.clock = clock  # boot seconds
        self.on_login: list[Callable[[], None]] = []
        self.on_end: list[Callable[[str], None]] = []  # called with the key of a session that was logged out
        self._lock = threading.Lock()
        self._tries: deque[float] = deque(maxlen=TRIES)
        self._saved_at = clock()
        self._prefix, self._secret = self._read_secret()
        self._sessions = self._read_sessions()

    # -- the address -------------------------------------------------------------------------------------------------

    @property
    def prefix(self) -> str:
        """The secret path under which everything is served: /d/ and 128 bits in hex, no slash at the end."""
        return f"/d/{self._prefix}"

    @property
    def cookie_name(self) -> str:
        """It names the prefix, so that two dashboards of one host do not take each other's cookie."""
        return f"dvm_{self._prefix[:8]}"

    def issue_login(self) -> str:
        """A fresh one-use login token."""
        return logins.issue(self.folder, self.clock())

    # -- sessions ----------------------------------------------------------------------------------------------------

    def may_try(self) -> bool:
        """Count a login; no more than 10 a minute."""
        with self._lock:
            now = self.clock()
            if len(self._tries) == TRIES and now - self._tries[0] < 60:
                return False
            self._tries.append(now)
            return True

    def login(self, token: str) -> str | None:
        """Use up a login token: the id of a new session for the cookie, or None."""
        now = self.clock()
        if not logins.redeem(self.folder, token, now):
            return None
        session_id = secrets.token_urlsafe(32)
        with self._lock:
            key = hashed(session_id)
            self._sessions[key] = Session(key, now, now)
            dropped = self._forget_old(now)
            self._save()
        self._tell_end(dropped)
        for call in self.on_login:
            call()
        return session_id

    def find(self, session_id: str) -> Session | None:
        """The session of a cookie, which counts as seen now; None where there is none or it is over."""
        asked = hashed(session_id).encode()
        with self._lock:
            now = self.clock()
            found = None
            for key in self._sessions:  # all of them: the time tells nothing about which one it was
                found = key if compare_digest(key.encode(), asked) else found
            if found is None or self._sessions[found].is_over(now):
                return None
            self._sessions[found] = session = replace(self._sessions[found], seen=now)
            if now - self._saved_at > SAVE_EVERY:
                self._save()
            return session

    def is_live(self, key: str) -> bool:
        """Say whether the session of this key still stands (for a socket that outlives its request)."""
        with self._lock:
            session = self._sessions.get(key)
            return session is not None and not session.is_over(self.clock())

    def end_over(self) -> None:
        """Forget sessions whose time is over, and end their sockets: a terminal may be open without any request."""
        with self._lock:
            now = self.clock()
            over = tuple(key for key, session in self._sessions.items() if session.is_over(now))
            for key in over:
                del self._sessions[key]
            if over:
                self._save()
        self._tell_end(over)

    def logout(self, session: Session) -> None:
        """End one session and its sockets."""
        with self._lock:
            self._sessions.pop(session.key, None)
            self._save()
        self._tell_end((session.key,))

    def logout_everywhere(self) -> None:
        """End every session and every login token; the address and the secret are new ones from now on."""
        with self._lock:
            ended = tuple(self._sessions)
            self._sessions = {}
            self._prefix, self._secret = self._new_secret()
            self._save()
            logins.forget_all(self.folder)
        self._tell_end(ended)

    def _tell_end(self, keys: tuple[str, ...]) -> None:
        for key in keys:
            for call in self.on_end:
                call(key)

    # -- CSRF --------------------------------------------------------------------------------------------------------

    def csrf_token(self, session: Session) -> str:
        """The token of every form of a session; it lives as long as the session does."""
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
        """Drop the sessions that are over or too many; their keys."""
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
    """Which start of the computer this is; "" where the system does not say (the clock then has to tell)."""
    try:
        return BOOT_ID.read_text("ascii").strip()
    except OSError:
        return ""
