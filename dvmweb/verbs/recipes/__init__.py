"""Recipes as both faces show and change them: where from, which VMs use them, how they stand there, what is wrong."""

from dvmweb.verbs.recipes.library import Entry, RecipeLibrary
from dvmweb.verbs.recipes.usage import Standing, Use, standing

__all__ = ["Entry", "RecipeLibrary", "Standing", "Use", "standing"]
