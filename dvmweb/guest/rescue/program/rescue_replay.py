"""Restores the repositories and files of an unpacked rescue in a folder where only this user can write."""

from __future__ import annotations

import json
import os
from typing import Any

from rescue_place import BadPath, checked_parts, folder_below, move_files, put_links
from rescue_restore import Restore, Trouble
from work_file import read_plain
from work_git import Git, find_git
from work_records import Records, Setting

MOST_FACTS = 256 << 20  # bytes of rescue.json


class Replay:
    """One rescue: `work`/bundle is what was unpacked, `work`/tree what becomes of it; `final`: its later path."""

    def __init__(self, work: str, final: str, environment: dict[str, str]) -> None:
        self._work, self._final, self._environment = os.path.realpath(work), final, environment
        self._bundle, self.tree = f"{self._work}/bundle", f"{self._work}/tree"
        self.problems: list[tuple[str, str]] = []
        self._made: dict[int, str] = {}  # number of a repository -> its work tree or bare repository

    def problem(self, place: str, reason: str) -> None:
        """Note something that could not be restored."""
        self.problems.append((place, reason))

    def run(self) -> None:
        """Restore everything."""
        for name in ("tree", "empty"):
            os.mkdir(f"{self._work}/{name}")
        facts = self._read_facts()
        records = Records()
        records.problem = self.problem  # type: ignore[method-assign]
        git = find_git(self._environment, Setting(self._environment), self._work, records)
        if git is not None:
            git.environment |= {"GIT_COMMITTER_NAME": "dvm rescue", "GIT_COMMITTER_EMAIL": "dvm-rescue@localhost"}
            self._restore_all(facts, git)
        links = facts.get("loose_links", [])
        move_files(f"{self._bundle}/loose", self.tree, self.problem)
        put_links(links, self.tree, self.problem)
        self._lead_to_final()

    def _read_facts(self) -> dict[str, Any]:
        try:
            facts = json.loads(read_plain(f"{self._bundle}/rescue.json", MOST_FACTS))
            if facts["version"] != 1 or not isinstance(facts["repositories"], list):
                raise ValueError("another version")
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            self.problem("rescue.json", "it is missing or invalid: no repository was restored")
            return {"repositories": []}
        return dict(facts)

    def _restore_all(self, facts: dict[str, Any], git: Git) -> None:
        """Repositories before those in them, and work trees after the repository that has their commits."""
        numbered = list(enumerate(facts["repositories"]))
        for is_linked in (False, True):
            wanted = [(at, one) for at, one in numbered if (one.get("of") is not None) == is_linked]
            for at, one in sorted(wanted, key=lambda entry: str(entry[1].get("path"))):
                self._restore(at, one, git)

    def _restore(self, number: int, facts: dict[str, Any], git: Git) -> None:
        place = str(facts.get("path"))
        try:
            (folder,) = checked_parts(facts["folder"])
            path = self._path_of(number, facts)
            restore = Restore(git, f"{self._bundle}/{folder}", path, facts, lambda why: self.problem(place, why))
            carrier = self._made.get(facts.get("of"))  # type: ignore[arg-type]
            restore.run(carrier)
            self._made[number] = path
        except Trouble:
            pass  # reported
        except BadPath as error:
            self.problem(place, f"not restored: {error}")
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            self.problem(place, f"not restored: {type(error).__name__}: {error}")

    def _path_of(self, number: int, facts: dict[str, Any]) -> str:
        """Where a repository goes; what was outside the code folder, or only a Git folder, goes into `outside`."""
        path = str(facts["path"])
        if path == ".":
            return self.tree
        is_apart = path.startswith("/") or facts["kind"] == "gitdir"
        parts = ["outside", f"{number + 1}-{os.path.basename(path)}"] if is_apart else path.split("/")
        os.close(folder_below(self.tree, checked_parts("/".join(parts))))
        return "/".join((self.tree, *parts))

    def _lead_to_final(self) -> None:
        """Linked work trees name each other by absolute paths."""
        for path in self._made.values():
            pointer = f"{path}/.git"
            if os.path.isfile(pointer) and not os.path.islink(pointer):
                admin = os.fsdecode(read_plain(pointer, 8192)).removeprefix("gitdir: ").strip()
                if admin.startswith(f"{self.tree}/"):
                    self._rewrite(f"{admin}/gitdir", f"{path}/.git\n")
                    self._rewrite(pointer, f"gitdir: {admin}\n")

    def _rewrite(self, file: str, text: str) -> None:
        with open(file, "wb") as out:
            out.write(os.fsencode(text.replace(self.tree, self._final, 1)))
