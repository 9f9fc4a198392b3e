"""A recipe as values: its params, header fields and their limits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CATEGORIES = (
    "base",
    "shell",
    "editor",
    "git",
    "language",
    "dotfiles",
    "agent",
    "service",
    "network",
    "other",
)
MAX_ENTRIES = 50  # of needs, params and ports each
TEXT, NUMBER, YES_NO, CHOICE = "text", "number", "yes-no", "choice"  # the types of a param
BASH_DVM = "bash_dvm.sh"  # the functions for recipes of bash DVM
SHORT, LONG = 200, 500  # characters of a label or summary, of a help text or probe


# A param is passed as DVM_<NAME>; these names are taken (architecture.md, "Guest scripts").
OUR_VARIABLES = frozenset(
    {
        "DVM_LIB",
        "DVM_ROOT",
        "DVM_NONCE",
        "DVM_RECIPE",
        "DVM_RECIPES",
        "DVM_RECIPE_HASH",
        "DVM_CODE_DIR",
        "DVM_IDENTITY_FILE",
        "DVM_INSTANCE",
        "DVM_ID",
        "DVM_KEY",
        "DVM_PROBE_SECONDS",
        "DVM_REPO",
        "DVM_CLONE_FILE",
        "DVM_HOOK_HASH",
        "DVM_WORK_AS_ROOT",
        "DVM_ENGINE",
        "DVM_STATE_DIR",
        "DVM_CONFIG_DIR",
        "DVM_LIMACTL",
        "DVM_GUEST_NETWORK",
        "DVM_TELL",
    }
)


@dataclass(frozen=True)
class Param:
    """One setting of a recipe; the script gets it as `variable`."""

    name: str
    label: str
    default: str
    secret: bool
    help: str
    is_inferred: bool = False  # from a script without a header: passed only if a config sets it
    is_required: bool = False  # the recipe is useless without a value
    is_kept: bool = False  # a secret that the guest stores: asked for only if the recipe reports that it has none
    kind: str = TEXT  # its type
    choices: tuple[str, ...] = ()  # all values of a choice

    @property
    def variable(self) -> str:
        """The name of the guest variable; it has the value, or for a secret the path of a file with the value."""
        return variable_name(self.name, is_secret=self.secret)


@dataclass(frozen=True)
class Recipe:
    """One guest script with the fields of its header."""

    name: str
    path: Path
    text: str
    is_local: bool
    has_header: bool = True
    summary: str = ""
    category: str = "other"
    needs: tuple[str, ...] = ()
    params: tuple[Param, ...] = ()
    ports: tuple[int, ...] = ()
    probe: str = ""  # one line of bash that succeeds if the recipe is in place; "" for none
    units: tuple[str, ...] = ()  # the systemd units of its service, for `dvm log`
    moving: bool = False  # installs the latest version: `dvm sync --update` runs it again
    files: tuple[str, ...] = ()  # bundled files that are copied into the guest beside it

    @property
    def is_of_bash_dvm(self) -> bool:
        """Whether it is a recipe of bash DVM: it has no header and does not use `_lib.sh`."""
        return BASH_DVM in self.files


def variable_name(param: str, *, is_secret: bool) -> str:
    """The name of a param's guest variable."""
    return f"DVM_{param.upper()}{'_FILE' if is_secret else ''}"
