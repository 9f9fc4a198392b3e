"""The titles of a job's steps, as users read them: in a plan, on a job page, in `dvm sync` and in journals."""

from __future__ import annotations

CHECK_INSTANCE = "Check instance"
CREATE = "Create instance"
VERIFY_CONFIG = "Verify applied config"
CHECK_PORTS, CHECK_PORTS_AGAIN = "Check ports", "Check ports again"
START, STOP, STOP_AGAIN, FORCE_STOP = "Start VM", "Stop VM", "Stop VM again", "Force stop"
STOP_TO_CHANGE = "Stop VM to change it"
STOP_TO_COPY, START_AGAIN = "Stop VM to copy it", "Start VM again"
CLOSE_CONNECTIONS = "Close SSH connections"
WAIT_FOR_GUEST, READ_STATE, READ_STATE_AGAIN = "Wait for the guest", "Read guest state", "Read guest state again"
WRITE_IDENTITY = "Write VM identity"
CREATE_KEY, CODE_FOLDER = "Create SSH key", "Create code folder"
HOOK = "Run project hook"
UNSAVED_WORK = "Check for unsaved work"
SANDBOX = "Test agent sandbox"
DELETE, VERIFY_DELETION, REMOVE_CONFIG = "Delete instance", "Verify deletion", "Remove config"
RECORD_ENTRY, MOVE_TO_TRASH = "Record trash entry", "Move to trash"
PROTECT_ENTRY, VERIFY_ENTRY = "Protect trash entry", "Verify trash entry"
CLEAN_BASE, NAME_BASE, PROTECT_BASE = "Remove what belongs to one VM", "Name base", "Protect base"
DELETE_HALF = "Delete interrupted copy"
VERIFY_BASE = "Verify base"
UNPROTECT_OLD_BASE, DELETE_OLD_BASE = "Unprotect old base", "Delete old base"
RECORD_CHECKPOINT, COPY_VM, NAME_CHECKPOINT = "Record checkpoint", "Copy VM", "Name checkpoint"
PROTECT_CHECKPOINT, VERIFY_CHECKPOINT = "Protect checkpoint", "Verify checkpoint"
RECORD_REWIND, COPY_CHECKPOINT = "Record rewind", "Copy checkpoint"
REPLACE_VM, VERIFY_REWIND = "Put the copy in its place", "Verify rewind"
DELETE_TEMPORARY = "Delete temporary VM"
RUNS = ("first run and probe", "second run and probe")


def recipe(name: str) -> str:
    """The title of a recipe's step."""
    return "Baseline" if name == "baseline" else f"Recipe {name}"


def clone(repo: str) -> str:
    """The title of the step that clones the repository."""
    return f"Clone {repo}"


def copy_base(name: str) -> str:
    """The title of the step that copies a base instead of creating an instance."""
    return f"Copy base {name}"


def runs_of_test(name: str) -> tuple[str, ...]:
    """The titles of the two runs of a recipe under test."""
    return tuple(f"{recipe(name)}, {run}" for run in RUNS)


def change(fields: list[str]) -> str:
    """The title of an edit of an instance."""
    return f"Change {', '.join(fields)}"
