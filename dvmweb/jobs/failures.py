"""The error of a failed step: its cause, the last lines of output, and what to do."""

from __future__ import annotations

from dataclasses import replace

from dvmweb import states
from dvmweb.config.git_hosts import where_to_paste
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
    return DvmError(f"{_headline(step, finished, lines)}\n{last}".rstrip(), "", shown(step.argv))


def _headline(step: Step, finished: Finished, lines: tuple[str, ...]) -> str:
    """The cause of the failure in one sentence."""
    if step.check == "clone":
        late = f"it did not finish within {span(step.timeout)}" if finished.ended == DEADLINE else ""
        return f"Cloning failed: {sentence(late or _git_cause(lines) or f'exit code {finished.code}')}"
    recipe = step.script.variables.get(RECIPE, "") if step.script else ""
    subject = f"Recipe `{recipe}`" if recipe else SUBJECTS.get(step.title, f"The step “{step.title}”")
    if finished.ended == DEADLINE:
        return f"{subject} did not finish within {span(step.timeout)}."
    return f"{subject} failed (exit code {finished.code})."


def _git_cause(lines: tuple[str, ...]) -> str:
    """Git's own message about a failed clone, safe to show; "" if it printed nothing."""
    number = next((i for i, line in enumerate(lines) if line.startswith("fatal: ")), len(lines) - 1)
    if number > 0 and VAGUE in lines[number] and not lines[number - 1].startswith("Cloning into"):
        number -= 1
    return in_prose(lines[number].removeprefix("fatal: ").removeprefix("error: "), 160) if lines else ""


def refused_clone(plan_input: PlanInput, output: bytes, public_key: str) -> DvmError:
    """The error of a clone whose server refused the VM's key: contains the key and where to add it."""
    repo, name = plan_input.config.repo or "", plan_input.config.name
    what = f"Cloning failed: {sentence(_git_cause(last_lines(output)))}\n  The server refused access to {repo}."
    if not public_key:
        return DvmError(what, NO_KEY)
    key = f"The SSH key of this VM:\n\n{in_prose(public_key, 1200)}\n\n{where_to_paste(repo)}"
    again = f"Then run `dvm sync {name}` again. `dvm ssh-key {name}` prints the key again."
    return DvmError(what, f"{key}\n{again}")


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
