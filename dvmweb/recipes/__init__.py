"""Recipes: what a guest script says of itself, where it lies, in which order it runs, when it runs again."""

from dvmweb.recipes.header import parse_header
from dvmweb.recipes.model import Param, Recipe, variable_name
from dvmweb.recipes.selection import (
    arrange,
    order,
    param_values,
    recipe_hash,
    secret_params,
    units,
    validate_params,
)
from dvmweb.recipes.shelf import Shelf

__all__ = [
    "Param",
    "Recipe",
    "Shelf",
    "arrange",
    "order",
    "param_values",
    "parse_header",
    "recipe_hash",
    "secret_params",
    "units",
    "validate_params",
    "variable_name",
]
