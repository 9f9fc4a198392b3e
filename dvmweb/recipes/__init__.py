"""Recipes: header, catalog, order, params, and the hash that decides when a recipe runs again."""

from dvmweb.recipes.catalog import RecipeCatalog
from dvmweb.recipes.header import parse_header
from dvmweb.recipes.model import Param, Recipe, variable_name
from dvmweb.recipes.selection import (
    arrange,
    missing_params,
    order,
    param_values,
    recipe_hash,
    secret_params,
    units,
    validate_params,
)

__all__ = [
    "Param",
    "Recipe",
    "RecipeCatalog",
    "arrange",
    "missing_params",
    "order",
    "param_values",
    "parse_header",
    "recipe_hash",
    "secret_params",
    "units",
    "validate_params",
    "variable_name",
]
