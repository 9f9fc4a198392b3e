"""Errors as pages, or as alerts for htmx: what happened, what to do, the command that failed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from dvmweb import errors
from dvmweb.errors import DvmError
from dvmweb.names import vm_name
from dvmweb.web.server.fault_log import log_fault
from dvmweb.web.server.websockets import TooManySockets
from dvmweb.web.ui import context

STATUS: tuple[tuple[type[DvmError], int], ...] = (
    (errors.NotFound, 404),
    (errors.VmBusy, 409),
    (errors.NotNow, 409),
    (errors.UnsavedWork, 409),
    (errors.PortTaken, 409),
    (errors.UsageError, 422),
    (errors.CheckFailed, 502),
    (errors.NoEngine, 503),
    (TooManySockets, 503),
)
TITLES = {
    404: "Not found",
    409: "Not possible now",
    422: "Invalid input",
    502: "Check failed",
    503: "Not available",
    500: "Operation failed",
}
HTTP = {
    400: ("The request could not be read.", "Go back and try again."),
    404: ("This page does not exist.", "Start from the list of VMs."),
    405: ("This address does not accept this kind of request.", "Use the button on its page."),
    413: ("The form is too large.", "Send less at once."),
}


@dataclass(frozen=True)
class ProblemView:
    """An error as a page shows it."""

    title: str
    what: str
    todo: str
    command: str
    fault: str = ""  # the ID of an internal error, in the log
    links: tuple[tuple[str, str], ...] = ()  # pages to go to: (path below the prefix, text)


def register(app: Flask) -> None:
    """Register the handlers for all errors of views."""
    app.register_error_handler(DvmError, _known)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unknown)


def status_of(error: DvmError) -> int:
    """Return the HTTP status for a DvmError."""
    # An error from a job's process carries its kind only as an exit code.
    return next(
        (status for kind, status in STATUS if isinstance(error, kind) or _has_code_of(error, kind)),
        500,
    )


def _has_code_of(error: DvmError, kind: type[DvmError]) -> bool:
    return error.exit_code == kind.exit_code != DvmError.exit_code


def as_json(error: DvmError, **more: bool) -> Response:
    """Return an error as JSON for our scripts, with more facts if given."""
    answer = jsonify({"what": error.what, "todo": error.todo, **more})
    answer.status_code = status_of(error)
    return answer


def _known(error: DvmError) -> Response:
    status = status_of(error)
    title = TITLES[status]
    return _answer(ProblemView(title, error.what, error.todo, error.command, links=links(error)), status)


def links(error: DvmError) -> tuple[tuple[str, str], ...]:
    """Return the links for an error in this request: the job that locks the VM, the VM, all jobs."""
    job = error.job if isinstance(error, errors.VmBusy) else ""
    vm = _vm_of_request()
    return (
        *([(f"/jobs/{job}", "Open the running job")] if job else []),
        *([(f"/vms/{vm}", f"Go to {vm}")] if vm else []),
        *([("/jobs", "All jobs")] if request.blueprint == "jobs_pages" else []),
    )


def _vm_of_request() -> str:
    """Return the VM in the address, "" if there is none or this is its own page."""
    args = request.view_args or {}
    name = str(args.get("vm", args.get("name", "")))
    with suppress(DvmError):
        is_there = context.vms().paths.vm_config(vm_name(name)).exists()
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
    what = "Internal error in dvm."
    todo = "Try again. If it happens again, report it with this error ID; the log in the state folder has details."
    return _answer(ProblemView("Internal error", what, todo, "", fault), 500)


def _answer(problem: ProblemView, status: int) -> Response:
    is_alert = context.is_htmx()
    answer = context.page("ui/_problem.html" if is_alert else "ui/problem.html", status, problem=problem, section="")
    if is_alert:
        answer.headers["HX-Retarget"] = "#alerts"
        answer.headers["HX-Reswap"] = "innerHTML"
    return answer
