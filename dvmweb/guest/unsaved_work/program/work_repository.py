"""Checks one repository: the order of its facts, and the errors that end the check."""

from __future__ import annotations

import work_config as config
from work_check import Check, Failed
from work_commits import report_commits, report_stashes
from work_layout import UnknownLayout
from work_status import report_extension_data, report_files, report_operation, report_staged


def check_repository(check: Check) -> None:
    """Report all facts of a repository. An unknown layout is reported as a problem and ends the check."""
    try:
        _report_all(check)
    except UnknownLayout as error:
        place = check.found.relative(error.place).removeprefix(check.path).lstrip("/")
        check.records.problem(check.path, f"{place}: {error.why}" if place else error.why)
    except config.TooOld:
        check.records.problem(check.path, "this version of Git cannot disable the filter configured here")
    except Failed:
        pass  # reported where it failed


def _report_all(check: Check) -> None:
    check.place = ("-C", check.path, f"--git-dir={check.git_dir}", "--work-tree=.")
    if check.repository.kind in ("bare", "gitdir"):
        check.place = (f"--git-dir={check.git_dir}", f"--work-tree={check.work}/empty")
        if check.repository.kind == "bare" and check.is_kept_by_parent():
            check.kept_by_parent = True
            return
        check.read_config()
        check.branch = check.branch_of_head()
        check.report()
        report_staged(check)
    else:
        check.read_config()
        report_files(check)
        report_operation(check)
    check.note_outside_work_tree()
    if check.repository.reports_commits:
        report_extension_data(check)
        report_stashes(check)
        report_commits(check)
