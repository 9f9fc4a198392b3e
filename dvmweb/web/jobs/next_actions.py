"""The buttons after a job: what one does next, and for each kind of failure what helps. Pure."""

from __future__ import annotations

from dvmweb.jobs.history.causes import Cause, cause_of, failed_step, recipe_of
from dvmweb.jobs.job_record import Job
from dvmweb.web.jobs.words import subject
from dvmweb.web.ui.confirmations import confirmed_at
from dvmweb.web.ui.values import Action

AGAIN, REPOSITORY, CONFIG, DISK, KEY, TERMINAL = "again", "repository", "config", "disk", "key", "terminal"
TRASH, RECIPE, PORTS, STOP, FORCE, BOOT_LOG = "trash", "recipe", "ports", "stop", "force", "boot-log"
WORK, LIMA, PROTECTION, VM = "work", "lima", "protection", "vm"

# What helps, the most useful first; the first is the primary button.
HELPS: dict[Cause, tuple[str, ...]] = {
    Cause.KEY_REFUSED: (KEY, REPOSITORY, AGAIN),
    Cause.NO_REPOSITORY: (REPOSITORY, KEY, AGAIN),
    Cause.NO_GIT_SERVER: (REPOSITORY, AGAIN, TERMINAL),
    Cause.HOST_KEY: (TERMINAL, AGAIN, VM),
    Cause.CLONE: (TERMINAL, REPOSITORY, AGAIN),
    Cause.SECRET: (VM,),  # its form is on the page
    Cause.CONFIG: (CONFIG, AGAIN),
    Cause.RECIPE: (AGAIN, TERMINAL, RECIPE, CONFIG),
    Cause.HOOK: (TERMINAL, AGAIN, VM),
    Cause.IMAGE: (CONFIG, AGAIN),
    Cause.NETWORK: (AGAIN, CONFIG),
    Cause.HOST_DISK: (TRASH, AGAIN),
    Cause.GUEST_DISK: (DISK, TERMINAL, AGAIN),
    Cause.SILENT: (AGAIN, BOOT_LOG, STOP),
    Cause.BROKEN: (FORCE, BOOT_LOG, AGAIN),
    Cause.PORT: (PORTS, CONFIG, AGAIN),
    Cause.UNSAVED: (AGAIN, TERMINAL, VM),
    Cause.PROTECTED: (PROTECTION, AGAIN),
    Cause.ENGINE: (LIMA, AGAIN),
    Cause.CANCELLED: (AGAIN, VM),
    Cause.INTERRUPTED: (AGAIN, VM),
    Cause.OTHER: (AGAIN, VM),
}
# By the button: text, icon, path below the prefix, whether it is a form, and the fields of that.
BUTTONS: dict[str, tuple[str, str, str, bool, dict[str, str]]] = {
    REPOSITORY: ("Edit repository", "edit", "/vms/{vm}/edit#f-repo", False, {}),
    CONFIG: ("Edit config", "edit", "/vms/{vm}/edit", False, {}),
    DISK: ("Enlarge disk", "edit", "/vms/{vm}/edit#f-disk", False, {}),
    KEY: ("Show SSH key", "key", "/vms/{vm}?tab=key", False, {}),
    TERMINAL: ("Open terminal", "term", "/vms/{vm}/terminal", False, {}),
    TRASH: ("Free disk space", "trash", "/trash", False, {}),
    RECIPE: ("Show recipe", "file", "/recipes/{recipe}", False, {}),
    PORTS: ("Ports", "out", "/vms/{vm}/ports", False, {}),
    STOP: ("Stop VM", "stop", "/vms/{vm}/stop", True, {}),
    FORCE: ("Force stop", "stop", "/vms/{vm}/force-stop", False, {}),
    BOOT_LOG: ("Boot log", "file", "/vms/{vm}/log", False, {}),
    LIMA: ("Install Lima", "info", "/help#lima", False, {}),
    PROTECTION: ("Remove protection", "lock", "/vms/{vm}", False, {}),
    VM: ("{vm}", "back", "/vms/{vm}", False, {}),
}
CONTINUES = ("sync", "start", "restart")  # another run checks what is there and skips what is done
TEMPORARY = ("test", "base")  # the VM of these has no page
RETRY = "Retry checks each step again and skips what is done."


def next_actions(job: Job) -> tuple[Action, ...]:
    """The actions after a job that has ended, the most likely first."""
    if job.is_open:
        return ()
    cause = cause_of(job)
    if job.verb in TEMPORARY:
        return _of_temporary(job, cause)
    return _after_success(job) if cause is None else _after_failure(job, cause)


def retry_help(job: Job) -> str:
    """What the button *Retry* does, "" where the job has none."""
    has_it = any(action.text == "Retry" for action in next_actions(job))
    return RETRY if has_it and job.verb == "sync" else ""


def _after_failure(job: Job, cause: Cause) -> tuple[Action, ...]:
    keys = HELPS[cause]
    if VM not in keys:
        keys = (*keys, VM)
    recipe = recipe_of(failed_step(job))
    found = [_again(job) if key == AGAIN else _button(key, job.vm, recipe) for key in keys if key != RECIPE or recipe]
    return tuple(_with_tone(action, is_first=number == 0) for number, action in enumerate(found))


def _button(key: str, vm: str, recipe: str) -> Action:
    text, icon, path, is_post, fields = BUTTONS[key]
    names = {"vm": vm, "recipe": recipe}
    return Action(f"next-{key}", text.format(**names), icon, path.format(**names), is_post, fields=fields)


def _with_tone(action: Action, *, is_first: bool) -> Action:
    tone = "primary" if is_first else ""
    return Action(action.id, action.text, action.icon, action.path, action.is_post, tone, action.fields)


def _after_success(job: Job) -> tuple[Action, ...]:
    page = f"/vms/{job.vm}"
    see = Action("next-vm", job.vm, "back", page, is_post=False)
    if job.verb in ("checkpoint", "rewind"):
        here = Action("next-vm", job.vm, "back", page, is_post=False, tone="primary")
        return (here, Action("next-checkpoints", "All checkpoints", "copy", "/checkpoints", is_post=False))
    if job.verb == "delete":
        return (Action("next-all", "All VMs", "back", "/", is_post=False, tone="primary"),)
    if job.verb == "work":
        report = Action("next-work", "Show report", "eye", page, is_post=False, tone="primary")
        return (report, Action("next-delete", f"Delete {job.vm}", "trash", f"{page}/delete", is_post=False))
    if job.verb == "stop":
        return (see, Action("next-start", "Start", "play", f"{page}/start"))
    return (Action("next-terminal", "Terminal", "term", f"{page}/terminal", is_post=False, tone="primary"), see)


def _of_temporary(job: Job, cause: Cause | None) -> tuple[Action, ...]:
    if job.verb == "test":
        name = subject(job)
        main = Action("next-recipe", name, "back", f"/recipes/{name}", is_post=False, tone="primary")
    else:
        main = Action("next-bases", "Bases", "copy", "/bases", is_post=False, tone="primary")
    if cause is Cause.HOST_DISK:
        return (_button(TRASH, "", ""), main)
    return (_button(LIMA, "", ""), main) if cause is Cause.ENGINE else (main,)


def _again(job: Job) -> Action:
    if page := confirmed_at(job):
        words = {"delete": ("delete", "trash"), "stop": ("stop", "stop")}
        word, icon = words.get(job.verb, ("checkpoint", "copy"))
        return Action(f"next-{word}", "Review again", icon, page, is_post=False)
    return Action("next-again", "Retry" if job.verb in CONTINUES else "Run again", "sync", f"/jobs/{job.id}/again")
