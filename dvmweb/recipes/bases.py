"""Which base a new VM can be copied from: its image, user and recipes must be the first of those of the VM. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dvmweb.recipes.model import Recipe
from dvmweb.recipes.selection import secret_params

DAY = 86_400.0  # seconds
OLDEST = 30 * DAY  # an older base has packages that lack too many updates
FORM = 2  # of what base_clean.sh leaves; a base of another form is stale
# Their recipes depend on the VM, or keep what belongs to one VM: logins, tokens, a repository.
NEVER = ("dotfiles", "agent", "service", "network")
OF_ONE_VM = re.compile(
    r"DVM_(?:INSTANCE|CODE_DIR|REPO)\b|\b(?:guest_name|hostname|hostnamectl|HOSTNAME)\b|\buname -n\b|/etc/machine-id\b"
)
COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)  # a whole line


@dataclass(frozen=True)
class BaseRecipe:
    """A recipe of a base, with the params that it was given."""

    name: str
    digest: str = ""  # as `recipe_hash` makes it; "" before it ran
    params: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class Base:
    """What is recorded of a base, or of one that is being built."""

    name: str
    image: str  # as `Wanted.image`
    arch: str
    user: str
    cpus: int
    memory: int  # bytes
    disk: int  # bytes, as the guest sees it; a copy can have more, not less
    recipes: tuple[BaseRecipe, ...]  # in the order in which they ran
    baseline: bool = True
    overlay: str = ""  # the digest of the user's own lima.yaml
    mark: str = ""  # of an image file: its size and time
    sources: tuple[str, ...] = ()  # the images that Lima had to choose from: location and digest
    version: str = ""  # of dvm
    form: int = FORM
    made: float = 0.0  # seconds since the epoch; 0 while it is being built

    @property
    def is_made(self) -> bool:
        """Whether it was built to its end."""
        return self.made > 0


@dataclass(frozen=True)
class Wanted:
    """The part of a VM on which the choice of its base depends."""

    image: str  # without aliases
    arch: str
    user: str
    disk: int  # bytes
    overlay: str
    mark: str
    recipes: tuple[tuple[str, str], ...]  # name and digest, in the order in which they run


def why_not_in_base(recipe: Recipe) -> str:
    """Why a recipe cannot be part of a base, as the end of a sentence; "" if it can."""
    if secret_params(recipe):
        return "takes a secret"
    if recipe.category in NEVER:
        return f"belongs to one VM: its category is {recipe.category}"
    if OF_ONE_VM.search(COMMENT.sub("", recipe.text)) or OF_ONE_VM.search(recipe.probe):
        return "depends on the name, the machine id or the code folder of the VM"
    return ""


def first_that_fit(ordered: Sequence[Recipe]) -> tuple[Recipe, ...]:
    """The recipes before the first that cannot be part of a base."""
    count = next((number for number, recipe in enumerate(ordered) if why_not_in_base(recipe)), len(ordered))
    return tuple(ordered[:count])


def base_for(wanted: Wanted, bases: Iterable[Base], now: float) -> Base | None:
    """The base with the most recipes that are the first of the VM, the newest of equals; None for none."""
    fitting = [base for base in bases if _is_prefix(base, wanted) and not _is_old(base, now)]
    return max(fitting, key=lambda base: (len(base.recipes), base.made), default=None)


def old_base_for(wanted: Wanted, bases: Iterable[Base], now: float) -> Base | None:
    """The base that would be used if it were not too old."""
    fitting = [base for base in bases if _is_prefix(base, wanted) and _is_old(base, now)]
    return max(fitting, key=lambda base: (len(base.recipes), base.made), default=None)


def _is_prefix(base: Base, wanted: Wanted) -> bool:
    same = (base.image, base.arch, base.user, base.overlay, base.mark) == (
        wanted.image,
        wanted.arch,
        wanted.user,
        wanted.overlay,
        wanted.mark,
    )
    found = tuple((recipe.name, recipe.digest) for recipe in base.recipes)
    is_first = bool(found) and all(digest for _, digest in found) and wanted.recipes[: len(found)] == found
    return base.is_made and base.form == FORM and same and is_first and base.disk <= wanted.disk


def _is_old(base: Base, now: float) -> bool:
    return not 0 <= now - base.made <= OLDEST


def why_stale(base: Base, digests: Mapping[str, str], overlay: str, mark: str, now: float) -> tuple[str, ...]:
    """Why a base is not used any more, as parts of a sentence; () if it is.

    `digests`: of its recipes with its params as they are now; one is missing if the recipe is gone or not valid.
    """
    reasons = []
    for recipe in base.recipes:
        if recipe.name not in digests:
            reasons.append(f"the recipe {recipe.name} is gone or has errors")
        elif digests[recipe.name] != recipe.digest:
            reasons.append(f"the recipe {recipe.name} has changed")
    if overlay != base.overlay:
        reasons.append("your own lima.yaml has changed")
    if mark != base.mark:
        reasons.append("its image file has changed")
    if base.form != FORM:
        reasons.append("it was built by another version of dvm")
    if _is_old(base, now):
        days = int((now - base.made) / DAY)
        reasons.append(f"it is {days} days old" if days >= 0 else "its date is in the future")
    return tuple(reasons)
