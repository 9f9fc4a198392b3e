"""The verbs about recipes: their origin, the VMs that use them, their state there, their problems."""

from dvmweb.verbs.recipes.library import Entry, RecipeLibrary
from dvmweb.verbs.recipes.usage import Standing, Use, standing

__all__ = ["Entry", "RecipeLibrary", "Standing", "Use", "standing"]
