"""The rules for names that are used in command lines, paths and pages."""

from __future__ import annotations

import re
import secrets
import unicodedata

from dvmweb.errors import UsageError

VM_PATTERN = re.compile(r"[a-z](?:-?[a-z0-9])*")
VM_LENGTH = 30  # characters
INSTANCE_PREFIX = "dvm-"
TRIAL_PREFIX = "dvmtest-"  # of the temporary VMs of recipe tests
CLONE_PREFIX = "dvmclone-"  # of an instance while it is copied
BASE_PREFIX = "dvmbase-"  # of a base, and of the temporary VM in which it is built
TRASH_PREFIX = "dvmtrash-"  # of the instances in the trash
CHECKPOINT_PREFIX = "dvmcheck-"  # of the instances that are checkpoints; as long as TRASH_PREFIX
# Of an entry of the trash, or a checkpoint; VM first if it fits.
ENTRY_PATTERN = re.compile(r"(?:(?P<vm>[a-z](?:-?[a-z0-9])*)-)?[0-9a-f]{8}")
BASE_PATTERN = re.compile(r"[0-9a-f]{8}")
RECIPE_LENGTH = 40  # characters, also of a param
RECIPE_PATTERN = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
PARAM_PATTERN = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
UNIT_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.@-]{0,99}")
JOB_PATTERN = re.compile(r"[0-9a-f]{32}")
FILE_BYTES = 255  # of a file name, on all file systems of guests
MOST_OF_A_NAME = 99  # files of one name: "name", "name (2)" to "name (99)"
# In lower case: files with these names are run when a tool opens the folder, or when a shell starts.
RUN_WHEN_OPENED = frozenset(
    ".git .hg .dvm .ssh .vscode .idea .devcontainer .husky .envrc .direnv .exrc "  # noqa: SIM905
    ".profile .bashrc .bash_profile .bash_login .bash_logout .zshrc .zshenv .zprofile .zlogin".split()
)
# Lima: LIMA_HOME/NAME/ssh.sock.1234567890123456 must be shorter than UNIX_PATH_MAX
# (108 on Linux, 104 on macOS). The smaller limit is used on both.
SOCKET_PATH_LENGTH = 104
SOCKET_SUFFIX = "/ssh.sock.1234567890123456"


def vm_name(text: str) -> str:
    """`text` if it is a VM name. Raises UsageError with the rule otherwise."""
    if len(text) > VM_LENGTH or not VM_PATTERN.fullmatch(text):
        raise UsageError(
            f"{text!r} is not a VM name.",
            "Use a lowercase letter first, then lowercase letters, digits and single hyphens, "
            f"at most {VM_LENGTH} characters.",
        )
    return text


def is_recipe_name(text: str) -> bool:
    """Whether `text` is a valid name of a recipe, and so of its file."""
    return len(text) <= RECIPE_LENGTH and RECIPE_PATTERN.fullmatch(text) is not None


def is_param_name(text: str) -> bool:
    """Whether `text` is a valid name of a recipe's param."""
    return len(text) <= RECIPE_LENGTH and PARAM_PATTERN.fullmatch(text) is not None


def instance_name(vm: str) -> str:
    """The Lima instance of a VM."""
    return INSTANCE_PREFIX + vm_name(vm)


def vm_of_instance(instance: str) -> str | None:
    """The VM of a Lima instance, None for an unmanaged instance."""
    name = instance.removeprefix(INSTANCE_PREFIX)
    is_ours = instance.startswith(INSTANCE_PREFIX) and len(name) <= VM_LENGTH
    return name if is_ours and VM_PATTERN.fullmatch(name) else None


def new_trial() -> str:
    """A unique name for a temporary VM."""
    return TRIAL_PREFIX + secrets.token_hex(4)


def is_trial(vm: str | None) -> bool:
    """Whether a name is that of a temporary VM."""
    return vm is not None and re.fullmatch(TRIAL_PREFIX + "[0-9a-f]{8}", vm) is not None


def new_clone() -> str:
    """A unique name for an instance while it is copied."""
    return CLONE_PREFIX + secrets.token_hex(4)


def is_clone(instance: str) -> bool:
    """Whether a Lima instance is being copied, or was left by an interrupted copy."""
    return re.fullmatch(CLONE_PREFIX + "[0-9a-f]{8}", instance) is not None


def new_base() -> str:
    """A unique name for a base."""
    return secrets.token_hex(4)


def base_instance(base: str) -> str:
    """The Lima instance of a base, and the VM name under which it is built."""
    return BASE_PREFIX + base


def base_of_instance(instance: str) -> str | None:
    """The base that a Lima instance is, None for others."""
    return _behind(BASE_PREFIX, instance, BASE_PATTERN)


def is_base_name(text: str) -> bool:
    """Whether `text` is the name of a base."""
    return BASE_PATTERN.fullmatch(text) is not None


def is_hidden(instance: str) -> bool:
    """Whether a Lima instance is one of dvm that is no VM: in the trash, a checkpoint, being copied, or a base."""
    is_kept = entry_of_instance(instance) is not None or checkpoint_of_instance(instance) is not None
    built = base_of_instance(instance.removeprefix(INSTANCE_PREFIX))
    return is_kept or is_clone(instance) or built is not None


def new_entry(lima_home: str, vm: str) -> str:
    """A unique name for a VM in the trash, or for a checkpoint.

    It begins with the VM's name, unless that makes the path of a socket too long.
    """
    number = secrets.token_hex(4)
    named = f"{vm_name(vm)}-{number}"
    return named if _socket_length(lima_home, entry_instance(named)) < SOCKET_PATH_LENGTH else number


def entry_instance(entry: str) -> str:
    """The Lima instance of an entry of the trash. Raises UsageError if it is not the name of one."""
    if not ENTRY_PATTERN.fullmatch(entry):
        raise UsageError(f"{entry[:100]!r} is not the name of an entry of the trash.", "`dvm trash ls` lists them.")
    return TRASH_PREFIX + entry


def entry_of_instance(instance: str) -> str | None:
    """The entry of the trash that a Lima instance is, None if it is not in the trash."""
    return _behind(TRASH_PREFIX, instance, ENTRY_PATTERN)


def checkpoint_instance(checkpoint: str) -> str:
    """The Lima instance of a checkpoint. Raises UsageError if it is not the name of one."""
    if not ENTRY_PATTERN.fullmatch(checkpoint):
        raise UsageError(f"{checkpoint[:100]!r} is not the name of a checkpoint.", "`dvm checkpoint ls` lists them.")
    return CHECKPOINT_PREFIX + checkpoint


def checkpoint_of_instance(instance: str) -> str | None:
    """The checkpoint that a Lima instance is, None if it is none."""
    return _behind(CHECKPOINT_PREFIX, instance, ENTRY_PATTERN)


def _behind(prefix: str, instance: str, pattern: re.Pattern[str]) -> str | None:
    """What is behind the prefix of an instance, None without the prefix or if it does not match the whole pattern."""
    name = instance.removeprefix(prefix)
    return name if instance.startswith(prefix) and pattern.fullmatch(name) else None


def vm_of_entry(entry: str) -> str:
    """The VM that an entry of the trash or a checkpoint was, by its name; "" if the name does not contain it."""
    found = ENTRY_PATTERN.fullmatch(entry)
    return (found["vm"] or "") if found else ""


def _socket_length(lima_home: str, instance: str) -> int:
    return len(f"{lima_home}/{instance}{SOCKET_SUFFIX}".encode())


def check_socket_path(lima_home: str, vm: str) -> None:
    """Raise UsageError if the path of Lima's SSH socket for this VM would be too long."""
    length = _socket_length(lima_home, instance_name(vm))
    if length >= SOCKET_PATH_LENGTH:
        raise UsageError(
            f"The VM name {vm} is {length - SOCKET_PATH_LENGTH + 1} characters too long for LIMA_HOME {lima_home}: "
            f"Lima's ssh socket path must stay below {SOCKET_PATH_LENGTH} bytes.",
            "Use a shorter name, or set LIMA_HOME to a shorter folder.",
        )


def file_name(text: str) -> str:
    """`text` if it is a valid name of an uploaded file. Raises UsageError otherwise."""
    if reason := _why_no_file_name(text):
        raise UsageError(f"{text[:100]!r} was not sent: {reason}.", "Rename the file, then send it.")
    return text


def _why_no_file_name(text: str) -> str:
    if not text.strip():
        return "it has no name"
    if "/" in text or "\\" in text:
        return "its name contains a slash"
    if text.startswith("-"):
        return "programs would read its name as an option"
    if not text.strip("."):
        return "its name consists of dots"
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text):
        return "its name contains control characters"
    if len(text.encode()) > FILE_BYTES:
        return f"its name is longer than {FILE_BYTES} bytes"
    is_run = text.casefold() in RUN_WHEN_OPENED
    return "programs execute a file of this name as soon as they find it" if is_run else ""


def numbered_parts(name: str) -> tuple[str, str]:
    """The parts before and after the " (2)" of a file whose `name` is taken; short enough for every number."""
    stem, dot, end = name.rpartition(".")
    if not stem.strip(".") or len(end.encode()) > 20:
        stem, dot, end = name, "", ""
    room = FILE_BYTES - len(f" ({MOST_OF_A_NAME}){dot}{end}".encode())
    return stem.encode()[:room].decode("utf-8", "ignore"), dot + end


def is_numbered(found: str, name: str) -> bool:
    """Whether a file that was uploaded as `name` can have become `found`."""
    stem, end = numbered_parts(name)
    numbers = (f"{stem} ({number}){end}" for number in range(2, MOST_OF_A_NAME + 1))
    return found == name or found in numbers


def is_unit_name(text: str) -> bool:
    """Whether `text` is a valid name of a systemd unit."""
    return UNIT_PATTERN.fullmatch(text) is not None


def new_id() -> str:
    """A random 128-bit id in hex, for jobs, nonces and instances."""
    return secrets.token_hex(16)


def is_id(text: str) -> bool:
    """Whether `text` is an id as made by `new_id`."""
    return JOB_PATTERN.fullmatch(text) is not None
