"""Runs bash and shellcheck over the text of a recipe; neither runs the recipe."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from dvmweb.errors import DvmError
from dvmweb.guest_text import visible
from dvmweb.lima import process
from dvmweb.lima.process import Finished
from dvmweb.paths import Paths, child_environment
from dvmweb.recipes.catalog import LIBRARY
from dvmweb.recipes.checking import Finding, for_shellcheck, of_bash, of_shellcheck

DEADLINE = 60.0  # seconds for one recipe
NO_SHELLCHECK = "shellcheck was not run: it is not installed (package shellcheck)."
OLD_BASH = 4  # macOS has bash 3.2, which rejects valid syntax of newer versions


@dataclass(frozen=True)
class CheckerOutput:
    """The output of a checker, or why it was not run."""

    findings: tuple[Finding, ...] = ()
    not_run: str = ""


@dataclass(frozen=True)
class Programs:
    """The checkers on the host."""

    paths: Paths
    environ: Mapping[str, str]

    def bash(self, text: str) -> CheckerOutput:
        """Check the syntax of a script with `bash -n`."""
        bash = self._program("bash")
        if not bash:
            return CheckerOutput(not_run="bash -n was not run: the host has no bash.")
        if not self._is_new(bash):
            return CheckerOutput(not_run=f"bash -n was not run: {bash} is older than the bash of a guest.")
        done = self._run((bash, "--norc", "-n"), text)
        found = of_bash(done.stderr.decode("utf-8", "replace"))
        if done.is_ok or found:
            return CheckerOutput(found)
        return CheckerOutput(not_run=f"bash -n failed: {_last(done)}")

    def shellcheck(self, text: str) -> CheckerOutput:
        """Check a script with shellcheck. It reads the library, but no other file that the script names."""
        program = self._program("shellcheck")
        if not program:
            return CheckerOutput(not_run=NO_SHELLCHECK)
        folder = self.paths.bundled_recipes
        library = (str(folder / name) for name in LIBRARY)
        argv = (program, "-s", "bash", "-f", "json1", "-P", str(folder), "-", *library)
        done = self._run(argv, for_shellcheck(text))
        found = of_shellcheck(done.stdout) if done.ended == "exit" and done.code in (0, 1) else None
        return CheckerOutput(found) if found is not None else CheckerOutput(not_run=f"shellcheck failed: {_last(done)}")

    def _is_new(self, bash: str) -> bool:
        output = self._run((bash, "--norc", "-c", "echo ${BASH_VERSINFO[0]}"), "").stdout.strip()
        return output.isdigit() and int(output) >= OLD_BASH

    def _program(self, name: str) -> str:
        """The absolute path of a program, "" for none; relative folders in PATH are ignored."""
        found = shutil.which(name, path=self.environ.get("PATH", "")) or ""
        return found if found.startswith("/") else ""

    def _run(self, argv: tuple[str, ...], text: str) -> Finished:
        env = child_environment(self.environ, self.paths, {"LC_ALL": "C.UTF-8"})
        folder = self.paths.local_recipes if self.paths.local_recipes.is_dir() else self.paths.bundled_recipes
        try:
            return process.run(argv, env=env, timeout=DEADLINE, stdin=text.encode(), cwd=folder)
        except DvmError as error:
            return Finished(argv, 127, b"", error.what.encode(), 0.0)


def _last(done: Finished) -> str:
    lines = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    return visible(lines[-1], 200) if lines else f"exit code {done.code} ({done.ended})"
