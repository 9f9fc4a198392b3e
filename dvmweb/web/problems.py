"""Every error as a page, or as an alert for htmx: what happened, what to do, the command behind it."""

from __future__ import annotations

import logging
import secrets
import traceback
from contextlib import suppress
from dataclasses import dataclass

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from dvmweb import errors
from dvmweb.errors import DvmError
from dvmweb.names import vm_name
from dvmweb.web import house
from dvmweb.web.sockets import TooManySockets

log = logging.getLogger(__name__)

STATUS: tuple[tuple[type[DvmError], int], ...] = (
    (errors.NotFound, 404),
    (errors.VmBusy, 409),
    (errors.NotNow, 409),
    (errors.WorkAtRisk, 409),
    (errors.UsageError, 422),
    (errors.CouldNotLook, 502),
    (errors.NoEngine, 503),
    (TooManySockets, 503),
)
TITLES = {
    404: "Not found",
    409: "Not now",
    422: "This cannot be used",
    502: "The guest did not answer",
    503: "Not ready",
    500: "This did not work",
}
HTTP = {
    400: ("The browser's request could not be read.", "Go back and try again."),
    404: ("There is no such page.", "The list of VMs has a way to everything."),
    405: ("This address takes no such request.", "Go to the page and use its button."),
    413: ("That is too much for one form.", "Send less at once."),
}


@dataclass(frozen=True)
class ProblemView:
    """An error, for people."""

    title: str
    what: str
    todo: str
    command: str
    fault: str = ""  # the id of a fault of ours, in the log
    links: tuple[tuple[str, str], ...] = ()  # pages that help on: path below the prefix, words


def register(app: Flask) -> None:
    """Answer every error of a view."""
    app.register_error_handler(DvmError, _known)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unknown)


def status_of(error: DvmError) -> int:
    """The HTTP status of an error of ours."""
    # An error that a job's process told us has the kind only as its exit code.
    return next(
        (status for kind, status in STATUS if isinstance(error, kind) or _is_told(error, kind)),
        500,
    )


def _is_told(error: DvmError, kind: type[DvmError]) -> bool:
    return error.exit_code == kind.exit_code != DvmError.exit_code


def as_json(error: DvmError, **more: bool) -> Response:
    """An error of ours for a script of ours, with what the script may want to know."""
    answer = jsonify({"what": error.what, "todo": error.todo, **more})
    answer.status_code = status_of(error)
    return answer


def _known(error: DvmError) -> Response:
    status = status_of(error)
    title = TITLES[status]
    return _answer(ProblemView(title, error.what, error.todo, error.command, links=links(error)), status)


def links(error: DvmError) -> tuple[tuple[str, str], ...]:
    """Where to go on from an error in this request: the job that holds the VM, the VM, the jobs."""
    job = error.job if isinstance(error, errors.VmBusy) else ""
    vm = _vm_of_request()
    return (
        *([(f"/jobs/{job}", "Show the job that holds it")] if job else []),
        *([(f"/vms/{vm}", f"To {vm}")] if vm else []),
        *([("/jobs", "All jobs")] if request.blueprint == "job_pages" else []),
    )


def _vm_of_request() -> str:
    """The VM that the address names, "" where there is none of that name or this is its own page."""
    args = request.view_args or {}
    name = str(args.get("vm", args.get("name", "")))
    with suppress(DvmError):
        is_there = house.vms().paths.vm_config(vm_name(name)).exists()
        return name if is_there and not (request.method == "GET" and request.path == f"/vms/{name}") else ""
    return ""


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:  # a redirect
        return Response(status=status, headers=error.get_headers())
    what, todo = HTTP.get(status, ("The request was refused.", "Go back and try again."))
    answer = _answer(ProblemView(error.name, what, todo, ""), status)
    if status == 405 and getattr(error, "valid_methods", None):
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))  # type: ignore[attr-defined]
    return answer


def _unknown(error: Exception) -> Response:
    fault = log_fault(error)
    what = "This is a fault of dvm; nothing more is known here."
    todo = "Try again. If it stays, report it with this number: the log in the state folder has the place in the code."
    return _answer(ProblemView("A fault of dvm", what, todo, "", fault), 500)


def log_fault(error: BaseException) -> str:
    """Log where a fault happened under a new id, and return the id.

    Neither the error's text nor values are logged: they may be a guest's, or a secret.
    """
    fault = secrets.token_hex(4)
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    log.error("fault %s: %s at %s", fault, type(error).__name__, " < ".join(reversed(places)))
    return fault


def _answer(problem: ProblemView, status: int) -> Response:
    is_alert = house.is_htmx()
    answer = house.page("_problem.html" if is_alert else "problem.html", status, problem=problem, section="")
    if is_alert:
        answer.headers["HX-Retarget"] = "#alerts"
        answer.headers["HX-Reswap"] = "innerHTML"
    return answer
