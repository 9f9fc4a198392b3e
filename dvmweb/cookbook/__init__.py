"""Recipes as both faces show and change them: where from, which VMs use them, how they stand there, what is wrong."""

from dvmweb.cookbook.book import Book, Entry
from dvmweb.cookbook.uses import Standing, Use, standing

__all__ = ["Book", "Entry", "Standing", "Use", "standing"]
