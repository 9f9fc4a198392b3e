"""Checks one repository: the order of its facts, and the errors that end the check."""

from __future__ import annotations

import work_config as config
from work_commits import tell_commits, tell_stashes
from work_layout import NotUnderstood
from work_look import Failed, Look
from work_status import tell_files, tell_kept, tell_operation, tell_staged


def check_repository(look: Look) -> None:
    """Report all facts of a repository. An unknown layout is reported as a problem and ends the check."""
    try:
        _tell_all(look)
    except NotUnderstood as error:
        place = look.found.relative(error.place).removeprefix(look.path).lstrip("/")
        look.said.problem(look.path, f"{place}: {error.why}" if place else error.why)
    except config.TooOld:
        look.said.problem(look.path, "this version of Git cannot disable the filter configured here")
    except Failed:
        pass  # reported where it failed


def _tell_all(look: Look) -> None:
    look.place = ("-C", look.path, f"--git-dir={look.git_dir}", "--work-tree=.")
    if look.repository.kind in ("bare", "gitdir"):
        look.place = (f"--git-dir={look.git_dir}", f"--work-tree={look.work}/empty")
        if look.repository.kind == "bare" and look.is_kept_by_parent():
            look.kept_by_parent = True
            return
        look.understand()
        look.branch = look.branch_of_head()
        look.tell()
        tell_staged(look)
    else:
        look.understand()
        tell_files(look)
        tell_operation(look)
    look.name_far_work_tree()
    if look.repository.tells_commits:
        tell_kept(look)
        tell_stashes(look)
        tell_commits(look)
