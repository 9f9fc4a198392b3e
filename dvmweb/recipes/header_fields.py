"""Reads typed values from a recipe header and collects all problems with their line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from dvmweb.errors import Problem
from dvmweb.guest_text import visible
from dvmweb.names import is_param_name, is_recipe_name, is_unit_name
from dvmweb.recipes.model import CHOICE, LONG, MAX_ENTRIES, NUMBER, OUR_VARIABLES, SHORT, TEXT, YES_NO, Param
from dvmweb.recipes.param_types import misfit

if TYPE_CHECKING:
    from dvmweb.recipes.header_yaml import Node

PARAM_FIELDS = ("label", "default", "type", "choices", "secret", "required", "help")
KEPT = "kept"  # `secret: kept`: the guest stores it


class Reader:
    """Reads typed values from header nodes and collects all problems with their line."""

    def __init__(self, file: str, first_line: int) -> None:
        self.file = file
        self.first_line = first_line
        self.problems: list[Problem] = []

    def problem(self, field: str, what: str, todo: str, line: int) -> None:
        """Add a problem; `line` is relative to the header's YAML."""
        self.problems.append(Problem(field, what, todo, self.file, self.first_line + line))

    def entries(self, node: Node, field: str, allowed: tuple[str, ...]) -> Mapping[str, Node]:
        """The entries of a mapping; unknown keys are problems."""
        known: Mapping[str, Node] = getattr(node, "entries", {})
        if not hasattr(node, "entries"):
            self.problem(field, "this is not a mapping", f"Write `key: value`; keys: {_any_of(allowed)}.", node.line)
        for key, value in known.items():
            if key not in allowed:
                self.problem(field, f"unknown key {visible(key, 40)!r}", f"Use {_any_of(allowed)}.", value.line)
        return known

    def text(self, node: Node | None, field: str, most: int) -> str:
        """One line of text of at most `most` characters; "" if there is none."""
        if node is None:
            return ""
        value: str | None = getattr(node, "text", None)
        if value is None:
            self.problem(field, "this is not text", "Write one line of text.", node.line)
        elif len(value) > most or any(unicodedata.category(c)[0] == "C" or c in "\u2028\u2029" for c in value):
            todo = f"Write one line of at most {most} characters, without control characters."
            self.problem(field, "this text is too long or has hidden characters", todo, node.line)
        else:
            return value
        return ""

    def plain(self, node: Node | None, field: str) -> str:
        """A short text to show to people, without markup."""
        value = self.text(node, field, SHORT)
        if node is not None and re.search("[<>]", value):
            self.problem(field, "`<` and `>` are not allowed here", "Write plain text.", node.line)
        return value

    def choice(self, node: Node | None, field: str, allowed: tuple[str, ...], default: str) -> str:
        """One of the allowed values."""
        value = self.text(node, field, SHORT)
        if node is not None and value not in allowed:
            self.problem(field, f"unknown value {value!r}", f"Use {_any_of(allowed)}.", node.line)
        return value or default

    def flag(self, node: Node | None, field: str) -> bool:
        """true or false, without quotes."""
        if node is None:
            return False
        value = getattr(node, "text", "")
        if value not in ("true", "false") or not getattr(node, "is_plain", False):
            self.problem(field, "this is neither true nor false", "Write true or false, without quotes.", node.line)
        return bool(value == "true")

    def items(self, node: Node | None, field: str) -> tuple[Node, ...]:
        """A list of at most MAX_ENTRIES; empty if there is none."""
        found: tuple[Node, ...] = getattr(node, "items", ())
        if node is not None and not hasattr(node, "items"):
            self.problem(field, "this is not a list", "Write it as [one, two].", node.line)
        if node is not None and len(found) > MAX_ENTRIES:
            self.problem(field, "the list is too long", f"Use at most {MAX_ENTRIES} entries.", node.line)
            return ()
        return found

    def needs(self, node: Node | None, name: str) -> tuple[str, ...]:
        """Names of other recipes, each once."""
        found: dict[str, None] = {}
        for item in self.items(node, "needs"):
            need = self.text(item, "needs", SHORT)
            if need == name:
                self.problem("needs", f"the recipe {name} needs itself", f"Remove {name} from needs.", item.line)
            elif not is_recipe_name(need):
                self.problem("needs", f"{need!r} is not a recipe name", "Use a name such as git-delta.", item.line)
            found[need] = None
        return tuple(found)

    def files(self, node: Node | None) -> tuple[str, ...]:
        """Names of bundled files that are copied into the guest beside the recipe."""
        found: dict[str, None] = {}
        for item in self.items(node, "files"):
            name = self.text(item, "files", SHORT)
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}\.[a-z]{1,5}", name):
                self.problem("files", f"{name!r} is not a bundled file", "Use a name such as launcher.py.", item.line)
            found[name] = None
        return tuple(found)

    def ports(self, node: Node | None) -> tuple[int, ...]:
        """Guest ports that the recipe's service listens on."""
        found: list[int] = []
        for item in self.items(node, "ports"):
            value = getattr(item, "text", "")
            if re.fullmatch("[1-9][0-9]{0,4}", value) and int(value) <= 65535:
                found.append(int(value))
            else:
                self.problem("ports", f"{visible(value, 40)!r} is not a port", "Use 1 to 65535.", item.line)
        return tuple(found)

    def units(self, node: Node | None) -> tuple[str, ...]:
        """Names of systemd services, without `.service`."""
        found: list[str] = []
        for item in self.items(node, "units"):
            unit = self.text(item, "units", SHORT)
            if not is_unit_name(unit) or unit.endswith(".service"):
                self.problem("units", f"{unit!r} is not a unit name", "Use a name such as dvm-llama.", item.line)
            found.append(unit)
        return tuple(found)

    def params(self, node: Node | None) -> tuple[Param, ...]:
        """The params in the order in which the form shows them."""
        if node is None:
            return ()
        entries: Mapping[str, Node] = getattr(node, "entries", {})
        if not hasattr(node, "entries") or len(entries) > MAX_ENTRIES:
            todo = f"Write `name: {{label: …, default: …}}` lines, at most {MAX_ENTRIES}."
            self.problem("params", "this is not a mapping of params, or it has too many", todo, node.line)
            return ()
        params = tuple(self.param(key, value) for key, value in entries.items())
        variables = [param.variable for param in params]
        for param, variable in zip(params, variables, strict=True):
            if variable in OUR_VARIABLES or variables.count(variable) > 1:
                line = entries[param.name].line
                self.problem(f"params.{param.name}", f"{variable} is already in use", "Choose another name.", line)
        return params

    def param(self, name: str, node: Node) -> Param:
        """One param."""
        field = f"params.{visible(name, 40)}"
        if not is_param_name(name):
            todo = "Use lowercase letters, digits and single underscores."
            self.problem(field, "this is not a param name", todo, node.line)
        found = self.entries(node, field, PARAM_FIELDS)
        is_kept = getattr(found.get("secret"), "text", "") == KEPT
        secret = is_kept or self.flag(found.get("secret"), f"{field}.secret")
        default = self.text(found.get("default"), f"{field}.default", LONG)
        if secret and default:
            self.problem(f"{field}.default", "a secret cannot have a default", "Remove it.", found["default"].line)
        is_required = self.flag(found.get("required"), f"{field}.required")
        if is_required and (secret or default):
            what = "a param with a default or a secret cannot be required"
            self.problem(f"{field}.required", what, "Remove it.", found["required"].line)
        label = self.plain(found.get("label"), f"{field}.label") or name.replace("_", " ").capitalize()
        about = self.text(found.get("help"), f"{field}.help", LONG)
        param = Param(name, label, default, secret, about, is_required=is_required, is_kept=is_kept)
        return self._typed(param, found, field)

    def _typed(self, param: Param, found: Mapping[str, Node], field: str) -> Param:
        """The param with its type, which its default must fit."""
        at = found.get("choices", found.get("type"))
        if at is None:
            return param
        if param.secret:
            self.problem(field, "a secret cannot have a type or choices", "Remove it.", at.line)
            return param
        kind = self.choice(found.get("type"), f"{field}.type", (TEXT, NUMBER, YES_NO), TEXT)
        choices = tuple(self.plain(item, f"{field}.choices") for item in self.items(found.get("choices"), field))
        if "choices" in found:
            if len(set(choices)) < 2 or "" in choices or "type" in found:
                todo = "Write at least two different values, like [small, large], and no type."
                self.problem(f"{field}.choices", "these are not the choices of a param", todo, at.line)
            kind = CHOICE
        typed = replace(param, kind=kind, choices=choices)
        if param.default and (todo := misfit(typed, param.default)):
            self.problem(f"{field}.default", "the default does not fit the type", todo, found["default"].line)
        return typed


def _any_of(allowed: tuple[str, ...]) -> str:
    return f"{', '.join(allowed[:-1])} or {allowed[-1]}"
