"""Redirects after a POST, to paths below the secret prefix."""

from __future__ import annotations

from flask import Response, make_response, redirect, request

from dvmweb.jobs.job_record import Job


def see_other(path: str) -> Response:
    """Redirect to a path below the prefix."""
    return make_response(redirect(request.script_root + path, 303))


def same_form_to(path: str) -> Response:
    """Let the browser post the same form to another path below the prefix."""
    return make_response(redirect(request.script_root + path, 307))


def to_job(job: Job) -> Response:
    """Redirect to the page of a job."""
    return see_other(f"/jobs/{job.id}")
