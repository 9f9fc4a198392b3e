"""The error of a failed step: its cause, the last lines of output, and what to do."""

from __future__ import annotations

import errno
import re
from dataclasses import replace

from dvmweb import states
from dvmweb.config.git_hosts import host_of, where_to_paste
from dvmweb.errors import CheckFailed, DvmError, sentence
from dvmweb.guest_text import in_prose
from dvmweb.jobs.current_state import facts_about
from dvmweb.lima.client import is_connection_dead
from dvmweb.lima.command_display import shown
from dvmweb.lima.failures import LimaError, last_lines, span
from dvmweb.lima.process import DEADLINE, Finished
from dvmweb.paths import Paths
from dvmweb.plans import PlanInput, Step, titles
from dvmweb.records.applied_recipes import RECIPE

# What a failed step was doing, where it is not a recipe: the subject of the sentence.
SUBJECTS = {
    titles.WRITE_IDENTITY: "Writing the VM identity",
    titles.CREATE_KEY: "Creating the SSH key",
    titles.CODE_FOLDER: "Creating the code folder",
    titles.HOOK: "The project hook",
}
FULL = "no space left on device"
_TELLING = re.compile(
    r"could not resolve|temporary failure resolving|network is unreachable|connection timed out|command not found", re.I
)
# How programs begin the line that says why they failed.
_ERROR = re.compile(r"(?:error|fatal|fail|failed|E)(?:\[\w+\])?: ?", re.I)
# The last line of apply.sh and hook.sh says only that the script failed, which the sentence says already.
_WRAPPER = re.compile(r"failed \(exit code \d+\); see its output above$")
VAGUE = "Could not read from remote repository"  # git says this last; the line before it is the cause
NO_KEY = "This VM has no SSH key: ssh-keygen is missing. Install the OpenSSH client, then sync again."


def failed_step(step: Step, finished: Finished, output: bytes, plan_input: PlanInput, paths: Paths) -> DvmError:
    """The error of a failed command; `output` is the end of everything that it printed."""
    if step.script is None:
        return LimaError(finished)
    lines = last_lines(output or finished.stderr or finished.stdout)
    last = "\n".join(f"  {line}" for line in lines)
    if step.check == "answer":
        return _no_state(step, finished, plan_input, last, paths)
    return DvmError(f"{_headline(step, finished, lines, plan_input)}\n{last}".rstrip(), "", shown(step.argv))


def _headline(step: Step, finished: Finished, lines: tuple[str, ...], plan_input: PlanInput) -> str:
    """The cause of the failure in one sentence."""
    if step.check == "clone":
        late = f"it did not finish within {span(step.timeout)}" if finished.ended == DEADLINE else ""
        return f"Cloning failed: {sentence(late or _clone_cause(lines, plan_input) or f'exit code {finished.code}')}"
    recipe = step.script.variables.get(RECIPE, "") if step.script else ""
    subject = f"Recipe `{recipe}`" if recipe else SUBJECTS.get(step.title, f"The step “{step.title}”")
    if finished.ended == DEADLINE:
        return f"{subject} did not finish within {span(step.timeout)}."
    if cause := script_cause(lines):
        return f"{subject} failed: {cause} (exit code {finished.code})."
    return f"{subject} failed (exit code {finished.code})."


def script_cause(lines: tuple[str, ...]) -> str:
    """The line of a script's output that names the cause, safe to show; "" if none does."""
    if any(FULL in line.lower() for line in lines):
        return "the disk of the VM is full"
    lines = tuple(line for line in lines if not _WRAPPER.search(line))
    marked = [line for line in lines if _TELLING.search(line)] or [line for line in lines if _ERROR.match(line)]
    return in_prose(_ERROR.sub("", marked[-1], count=1).strip(), 160).rstrip(".") if marked else ""


def _clone_cause(lines: tuple[str, ...], plan_input: PlanInput) -> str:
    """Why a clone failed that the server did not refuse: in our words where it is known, else in Git's."""
    server = in_prose(host_of(plan_input.config.repo or ""), 100) or "the server"
    text = "\n".join(lines).lower()
    if FULL in text:
        return "the disk of the VM is full"
    if "could not resolve host" in text or "name or service not known" in text:
        return f"the guest does not find a server {server}"
    if "host key verification failed" in text:
        return f"the host key of {server} is not the one that the guest knows"
    if any(sign in text for sign in ("connection timed out", "no route to host", "network is unreachable")):
        return f"the guest cannot reach {server}"
    return _git_cause(lines)


def _git_cause(lines: tuple[str, ...]) -> str:
    """Git's own message about a failed clone, safe to show; "" if it printed nothing."""
    number = next((i for i, line in enumerate(lines) if line.startswith("fatal: ")), len(lines) - 1)
    if number > 0 and VAGUE in lines[number] and not lines[number - 1].startswith("Cloning into"):
        number -= 1
    return in_prose(lines[number].removeprefix("fatal: ").removeprefix("error: "), 160) if lines else ""


def refused_clone(plan_input: PlanInput, output: bytes, public_key: str) -> DvmError:
    """The error of a clone whose server refused the VM's key: contains the key and where to add it."""
    repo, name = plan_input.config.repo or "", plan_input.config.name
    lines = last_lines(output)
    more = f"{sentence(_git_cause(lines))}\n  The server refused access to {repo}."
    what = f"Cloning failed: {_refusal(lines, repo, name)}\n  {more}"
    if not public_key:
        return DvmError(what, NO_KEY)
    key = f"The SSH key of this VM:\n\n{in_prose(public_key, 1200)}\n\n{where_to_paste(repo)}"
    again = f"Then run `dvm sync {name}` again. `dvm ssh-key {name}` prints the key again."
    return DvmError(what, f"{key}\n{again}")


def _refusal(lines: tuple[str, ...], repo: str, name: str) -> str:
    """What the server refused, in one sentence."""
    server, text = in_prose(host_of(repo), 100) or "the server", "\n".join(lines).lower()
    if "not found" in text or "could not be found" in text:
        return f"{server} has no such repository, or the SSH key of {name} has no access to it."
    if repo.startswith("http"):
        return f"{server} asks for a password: the repository is private or does not exist."
    return f"{server} does not accept the SSH key of {name}."


def host_error(error: OSError) -> DvmError:
    """The error of a job that could not read or write a file of the host."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        what = f"The disk of the host is full.\n  {error}"
        return DvmError(what, "Free disk space, then run it again: it continues from there.")
    return DvmError(sentence(f"The job failed: {error}"), "Fix that, then run it again.")


def _no_state(step: Step, finished: Finished, plan_input: PlanInput, last: str, paths: Paths) -> DvmError:
    """The error of a guest that did not report its state before the deadline of the step."""
    instance = plan_input.latest
    facts = replace(facts_about(paths, plan_input.config.name, instance, is_silent=True), status="Running")
    error = states.refusal("start", facts)
    is_silent = finished.ended == DEADLINE or is_connection_dead(finished)
    cause = f"did not respond within {span(step.timeout)}" if is_silent else "could not report its state"
    what = f"The guest of {plan_input.config.name} {cause}."
    console = f"\nIts console: {instance.directory}/serial.log" if instance is not None and instance.directory else ""
    return CheckFailed(f"{what}\n{last}".rstrip(), f"{error.todo if error else ''}{console}", shown(step.argv))


def last_output(finished: Finished) -> str:
    """The last line that a command printed, safe to show inside a sentence of ours."""
    lines = last_lines(finished.stderr, 1) or last_lines(finished.stdout, 1)
    return in_prose(lines[-1], 120) if lines else ""
