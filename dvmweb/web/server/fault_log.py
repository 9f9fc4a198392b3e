"""Logs an internal error under a new ID, without its text."""

from __future__ import annotations

import logging
import secrets
import traceback

log = logging.getLogger(__name__)


def log_fault(error: BaseException) -> str:
    """Log where an internal error happened under a new ID, and return the ID.

    Neither its message nor values are logged: they may come from a guest or be secret.
    """
    fault = secrets.token_hex(4)
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    log.error("fault %s: %s at %s", fault, type(error).__name__, " < ".join(reversed(places)))
    return fault
