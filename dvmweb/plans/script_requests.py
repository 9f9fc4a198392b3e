"""The scripts that a plan sends to a guest, with their files and variables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from dvmweb.lima import commands
from dvmweb.lima.deadlines import CALL, PROBE_RUN, RESCUE_ALL, RESCUE_CALL, whole
from dvmweb.lima.script_payload import GuestScript
from dvmweb.names import numbered_parts
from dvmweb.plans.model import PlanInput

COPY_MODULES = ("guest_place.py", "tally.py", "entries.py", "packing.py", "unpacking.py")  # beside its program


def state_question(plan_input: PlanInput, also: Iterable[str] = ()) -> GuestScript:
    """Read the guest state: identity, applied recipes, results of the probes; a sync asks nothing else.

    `also`: recipes for which it only reads whether they are applied.
    """
    names = "\n".join((*(desired.recipe.name for desired in plan_input.recipes), *also))
    probes = {
        f"probe-{desired.recipe.name}": desired.recipe.probe for desired in plan_input.recipes if desired.recipe.probe
    }
    files = {"probes.sh": plan_input.scripts["probes.sh"], **probes} if probes else {}
    seconds = {"DVM_PROBE_SECONDS": PROBE_RUN, "DVM_CALL_SECONDS": CALL}
    variables = {name: whole(base, plan_input.pace) for name, base in seconds.items()}
    return GuestScript(plan_input.scripts["state.sh"], files, {**common(plan_input), "DVM_RECIPES": names, **variables})


def key_question(plan_input: PlanInput) -> GuestScript:
    """Read the public key without creating one."""
    return guest_script(plan_input, "keys.sh", {"DVM_KEY": "print"})


def key_access_question(plan_input: PlanInput, repo: str, seconds: int) -> GuestScript:
    """Test in the guest whether its key opens a repository; `seconds`: time limit of the test."""
    return guest_script(plan_input, "key_access.sh", {"DVM_REPO": repo, "DVM_KEY_SECONDS": str(seconds)})


def clock_question(plan_input: PlanInput) -> GuestScript:
    """Read the guest's clock."""
    return guest_script(plan_input, "clock.sh", {})


def idle_question(plan_input: PlanInput) -> GuestScript:
    """Read which programs of users run."""
    return guest_script(plan_input, "idle.sh", {})


def overview_question(plan_input: PlanInput) -> GuestScript:
    """Read what goes on in the guest: boot, last commit, processes, listening ports."""
    seconds = {"DVM_CALL_SECONDS": whole(CALL, plan_input.pace)}
    return GuestScript(plan_input.scripts["overview.sh"], {}, {**common(plan_input), **seconds})


def gpg_question(plan_input: PlanInput, name: str, email: str, *, signs: bool) -> GuestScript:
    """Create a GPG key if there is none, and read its public half; `signs`: Git signs with it from now on."""
    variables = {"DVM_NAME": name, "DVM_EMAIL": email, "DVM_SIGN": "1" if signs else ""}
    return guest_script(plan_input, "gpg_key.sh", variables)


def hook_question(plan_input: PlanInput) -> GuestScript:
    """Read the text of the project hook."""
    return guest_script(plan_input, "show_hook.sh", {})


def terminal_question(plan_input: PlanInput, terminal: str) -> GuestScript:
    """Read which programs run in a terminal."""
    return guest_script(plan_input, "terminals.sh", {"DVM_TERMINAL_ID": terminal})


def journal_question(plan_input: PlanInput, units: Sequence[str], lines: int, *, is_followed: bool) -> GuestScript:
    """Read the last lines of the journal; with `is_followed` also new ones as they are written."""
    more = {"DVM_FOLLOW": "1"} if is_followed else {}
    return guest_script(plan_input, "journal.sh", {"DVM_UNITS": "\n".join(units), "DVM_LINES": str(lines), **more})


def exposure_question(plan_input: PlanInput, task: str, *, has_agents: bool) -> GuestScript:
    """Test what the guest can reach; `task` is the JSON that exposure_probe.py reads."""
    files = {name: plan_input.scripts[name] for name in ("exposure.py", "exposure_probe.py")}
    variables = {"DVM_TASK": task, "DVM_AGENT": "1" if has_agents else ""}
    return GuestScript(plan_input.scripts["exposure.sh"], files, {**common(plan_input), **variables})


def receiving(plan_input: PlanInput, name: str, size: int, *, folder: str, reserve: int, piece: int) -> GuestScript:
    """Receive an uploaded file, whose bytes follow the script, into `folder`; "": the code folder."""
    stem, end = numbered_parts(name)
    variables = {
        "DVM_NAME": name,
        "DVM_STEM": stem,
        "DVM_END": end,
        "DVM_FOLDER": folder,
        "DVM_SIZE": str(size),
        "DVM_RESERVE": str(reserve),
        "DVM_PIECE": str(piece),
    }
    return _copy_program(plan_input, "receive", variables, takes_stream=True)


def copying_in(plan_input: PlanInput, **variables: str) -> GuestScript:
    """Take an archive that comes behind the script; `variables` are those of copy_in.py, in lower case."""
    return _copy_program(plan_input, "copy_in", _named(variables), takes_stream=True)


def copying_out(plan_input: PlanInput, **variables: str) -> GuestScript:
    """Send an archive; `variables` are those of copy_out.py, in lower case."""
    return _copy_program(plan_input, "copy_out", _named(variables), takes_stream=False)


def listing_folder(plan_input: PlanInput, path: str) -> GuestScript:
    """List a folder: an absolute path, or one below ~ or the code folder."""
    return _copy_program(plan_input, "list_folder", {"DVM_PATH": path}, takes_stream=False)


def rescuing_out(plan_input: PlanInput) -> GuestScript:
    """Send the work of the code folder as an archive."""
    return _rescue_program(plan_input, "rescue_out", {"DVM_NAME": plan_input.config.name}, takes_stream=False)


def rescuing_in(plan_input: PlanInput, **variables: str) -> GuestScript:
    """Restore a rescue that comes behind the script; `variables` are those of rescue_in.py, in lower case."""
    return _rescue_program(plan_input, "rescue_in", _named(variables), takes_stream=True)


def _rescue_program(
    plan_input: PlanInput, program: str, variables: Mapping[str, str], *, takes_stream: bool
) -> GuestScript:
    """A program of a rescue, with the modules of copies and of the unsaved-work check."""
    parts = [name for name in plan_input.scripts if name.endswith(".py") and name.startswith(("work", "rescue"))]
    files = {name: plan_input.scripts[name] for name in (*COPY_MODULES, *parts)}
    limits = {"DVM_WORK_CALL_SECONDS": str(RESCUE_CALL), "DVM_WORK_SECONDS": str(RESCUE_ALL)}
    whole = {**common(plan_input), **_about(plan_input, program), **limits, **variables}
    return GuestScript(plan_input.scripts["rescue.sh"], files, whole, takes_stream=takes_stream)


def _about(plan_input: PlanInput, program: str) -> dict[str, str]:
    return {
        "DVM_PROGRAM": program,
        "DVM_ID": plan_input.known_id,
        "DVM_HOST": commands.ssh_alias(plan_input.desired.instance),
    }


def _named(variables: Mapping[str, str]) -> dict[str, str]:
    return {f"DVM_{name.upper()}": value for name, value in variables.items()}


def _copy_program(
    plan_input: PlanInput, program: str, variables: Mapping[str, str], *, takes_stream: bool
) -> GuestScript:
    files = {name: plan_input.scripts[name] for name in (*COPY_MODULES, f"{program}.py")}
    whole = {**common(plan_input), **_about(plan_input, program), **variables}
    return GuestScript(plan_input.scripts["copies.sh"], files, whole, takes_stream=takes_stream)


def guest_script(
    plan_input: PlanInput, main: str, variables: Mapping[str, str], more: Mapping[str, str] = {}
) -> GuestScript:
    """A bundled script by its file name, with the shared library and `more` files beside it."""
    files = {**library(plan_input), **more}
    return GuestScript(plan_input.scripts[main], files, {**common(plan_input), **variables}, {})


def library(plan_input: PlanInput) -> dict[str, str]:
    """`_lib.sh` and its parts, which bundled scripts can source."""
    return {name: text for name, text in plan_input.scripts.items() if name.startswith("_")}


def common(plan_input: PlanInput) -> dict[str, str]:
    """The variables of every script: instance, code folder, nonce of the question."""
    return {
        "DVM_INSTANCE": plan_input.desired.instance,
        "DVM_CODE_DIR": plan_input.config.guest_code_dir,
        "DVM_NONCE": plan_input.nonce,
    }
