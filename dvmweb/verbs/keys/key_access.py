"""Whether a VM's own SSH key opens the repository of its config: tested in the guest, at request, and not stored."""

from __future__ import annotations

import time
from dataclasses import dataclass

from dvmweb import plans
from dvmweb.config.git_hosts import host_of, ssh_address
from dvmweb.errors import NotFound, NotNow
from dvmweb.guest.key_access import Access, KeyAccess, parse_key_access
from dvmweb.guest_text import visible
from dvmweb.verbs.configs import check_config
from dvmweb.verbs.vms import Vms

MOST_OUTPUT = 2000  # characters of git and ssh
SECONDS = 30  # in the guest
PATIENCE = 60.0  # seconds until the test counts as failed
# Results that say nothing about the key.
NOT_KNOWN = (Access.HOST_UNKNOWN, Access.HOST_CHANGED, Access.UNREACHABLE, Access.LATE, Access.MISSING, Access.FAILED)


@dataclass(frozen=True)
class KeyTest:
    """The result of a test, safe to show."""

    at: float  # seconds since the epoch
    access: Access
    address: str
    what: str
    todo: str  # "" if there is nothing to do
    output: str  # what git and ssh printed, "" if nothing

    @property
    def is_accepted(self) -> bool:
        """Whether the key opened the repository."""
        return self.access is Access.ACCEPTED

    @property
    def is_known(self) -> bool:
        """Whether the test says something about the key."""
        return self.access not in NOT_KNOWN


def why_not(repo: str) -> tuple[str, str]:
    """Why the key cannot be tested with this repository, and what to do; ("", "") if it can."""
    if not repo:
        return "The config has no repository to test the key with.", "Set `repo` in the config."
    address = ssh_address(repo)
    if repo.startswith(("http://", "https://")):
        how = f"To use the key, set `repo: {visible(address, 300)}` in the config." if address else ""
        what = "The repository is reached by https, which does not use the key, so a test would prove nothing."
        return what, how or "To use the key, set `repo` to the server's SSH address in the config."
    if not address:
        return (
            "The address of the repository is not one of SSH, so the key is not used.",
            "Change `repo` in the config.",
        )
    return "", ""


def try_key(vms: Vms, name: str) -> KeyTest:
    """List the branches of the repository in the guest, with the VM's own key alone.

    Raises NotFound for a service VM, NotNow without an SSH address, CheckFailed if the VM does not run or answer.
    """
    config = check_config(vms.paths, name)
    if config.is_service:
        raise NotFound(f"{name} has no SSH key: it is a {config.kind} VM.", "Such a VM does not clone a repository.")
    what, todo = why_not(config.repo)
    if what:
        raise NotNow(what, todo)
    plan_input, lima = vms.running(name)
    question = plans.key_access_question(plan_input, config.repo, SECONDS)
    answer = lima.query(plan_input.desired.instance, question, PATIENCE).stdout
    return result(parse_key_access(answer, plan_input.nonce), name, config.repo, time.time())


def result(found: KeyAccess, name: str, repo: str, now: float) -> KeyTest:
    """Return an answer of the guest in words."""
    host = visible(host_of(repo), 100) or "the server"
    what, todo = _words(found, name, host)
    output = "" if found.access is Access.MISSING else visible_lines(found.text)
    return KeyTest(now, found.access, visible(repo, 300), what, todo, output)


def visible_lines(text: str) -> str:
    """What git and ssh printed, line by line, safe to show."""
    lines = (visible(line, 300).strip() for line in text[:MOST_OUTPUT].splitlines())
    return "\n".join(line for line in lines if line)


def _words(found: KeyAccess, name: str, host: str) -> tuple[str, str]:
    show = f"Show it with `dvm ssh-key {name}`."
    if found.access is Access.MISSING:
        if found.text == "key":
            return f"{name} has no SSH key.", f"To create one: `dvm sync {name}`"
        return f"{visible(found.text, 20)} is not installed in {name}.", "The recipe baseline installs it."
    return {
        Access.ACCEPTED: (
            f"{host} accepts the key: {name} can read the repository.",
            "Whether it can push is not tested, because that would change the repository.",
        ),
        Access.REFUSED: (f"{host} does not accept the key.", f"Add it there as a deploy key. {show}"),
        Access.NOT_FOUND: (
            f"{host} has no such repository, or none that this key opens.",
            "Check `repo` in the config, and that the key is a deploy key of this repository.",
        ),
        Access.HOST_UNKNOWN: (
            f"The host key of {host} is not known in {name}, so the key was not sent.",
            f"A sync that clones stores it; or connect once: `dvm ssh {name} -- ssh -T git@{host}`",
        ),
        Access.HOST_CHANGED: (
            f"The host key of {host} is not the one that {name} has stored, so the key was not sent.",
            f"Compare it with what {host} publishes. If it is right: `dvm ssh {name} -- ssh-keygen -R {host}`",
        ),
        Access.UNREACHABLE: (f"{host} cannot be reached from {name}.", "Check its network, then test again."),
        Access.LATE: (f"{host} did not respond within {SECONDS} s.", "Test again."),
        Access.FAILED: ("The test failed.", "See what git and ssh printed."),
    }[found.access]
