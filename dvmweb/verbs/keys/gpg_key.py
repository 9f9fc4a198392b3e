"""The GPG key of a VM: made in the guest, and its public half."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dvmweb import plans
from dvmweb.config.git_hosts import where_to_paste_gpg
from dvmweb.errors import DvmError, NotNow, UsageError
from dvmweb.guest.gpg_key import NoGpgKey, parse_gpg_key
from dvmweb.guest_text import in_prose, visible
from dvmweb.verbs.vms import Vms

EMAIL = re.compile(r"[^\s@<>()\"\\,;:]{1,64}@[^\s@<>()\"\\,;:]{1,190}")
NAME_LENGTH = 100  # characters
PATIENCE = 120.0  # seconds; gpg can wait for random numbers


@dataclass(frozen=True)
class PublicKey:
    """The public half, safe to show."""

    fingerprint: str
    email: str
    text: str
    place: str  # where to add it
    is_new: bool


def gpg_key(vms: Vms, name: str, author: str = "", email: str = "", *, signs: bool = False) -> PublicKey:
    """The VM's public GPG key, made now if it has none for this address; `signs`: Git in the guest signs with it.

    Raises UsageError, NotFound, NotNow, CheckFailed.
    """
    if author and (len(author) > NAME_LENGTH or not author.isprintable() or set('<>"\\') & set(author)):
        raise UsageError(
            f"{visible(author, 60)!r} cannot be the name in a key.", f"Use at most {NAME_LENGTH} plain characters."
        )
    if email and not EMAIL.fullmatch(email):
        raise UsageError(f"{visible(email, 60)!r} is not an e-mail address.", "Write it like you@example.org.")
    plan_input, lima = vms.running(name)
    question = plans.gpg_question(plan_input, author, email, signs=signs)
    found = parse_gpg_key(lima.query(plan_input.desired.instance, question, PATIENCE).stdout, plan_input.nonce)
    if isinstance(found, NoGpgKey):
        raise _error(vms, name, found)
    place = where_to_paste_gpg(plan_input.config.repo)
    return PublicKey(found.fingerprint, visible(found.email, 200), found.public, place, found.is_new)


def _error(vms: Vms, name: str, found: NoGpgKey) -> DvmError:
    if found.why == "missing":
        program = "gpg" if found.reason != "git" else "git"
        if vms.paths.is_demo:
            return NotNow(f"{program} is not installed: demo guests have the programs of this computer.", "Install it.")
        package = {"gpg": "gnupg or gnupg2", "git": "git"}[program]
        return NotNow(
            f"{program} is not installed in {name}.", f"Install the package {package} there: dvm ssh {name} -- sudo ..."
        )
    if found.why in ("no-name", "no-email"):
        what, option = ("name", "--name") if found.why == "no-name" else ("e-mail address", "--email")
        return NotNow(
            f"Git in {name} has no {what} of the author.",
            f"Give it with {option}, or set the params of the recipe git.",
        )
    return DvmError(f"gpg in {name} failed: {in_prose(found.reason, 500)}", f"Check with: dvm ssh {name} -- gpg -K")
