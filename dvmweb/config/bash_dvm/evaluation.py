"""Follows the assignments and `use` calls of a config of bash DVM, as data. Pure: runs nothing.

A value that depends on something unknown (a command, the environment, a line that is not understood) is unknown too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from dvmweb.config.bash_dvm.facts import DONE, LEFT, NOTHING, Listed, Outcome, Place, Value
from dvmweb.config.bash_dvm.statements import Assign, Call, Function, Nothing, Statement, Unread
from dvmweb.config.bash_dvm.words import Part, Text, Variable, Word, has_other_home, has_pattern

MOST_STEPS = 10_000  # calls of functions that call each other
MOST_TEXT = 100_000  # characters of one value
MOST_SIZE = 10_000_000  # characters of all values
MOST_NESTED = 20
_GLOB = frozenset("*?[")
RECIPES = "DVM_RECIPES"  # `use NAME` appends to it


class _Unknown(Exception):
    """A value is not known; the text says why."""


@dataclass
class Evaluation:
    """The variables and recipes after the statements that were followed so far."""

    variables: dict[str, Value] = field(default_factory=dict)
    recipes: list[Listed] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    functions: dict[str, tuple[str, Function]] = field(default_factory=dict)
    read: set[Place] = field(default_factory=set)  # assignments whose value another line uses
    replaced: list[tuple[str, Place, Place]] = field(default_factory=list)  # variable, its place, the later one
    steps: int = 0
    size: int = 0  # characters of all values

    def follow(self, file: str, statements: Iterable[Statement]) -> None:
        """Follow the statements of one file."""
        for one in statements:
            self._statement(file, one, "", 0)

    def copied(self) -> Evaluation:
        """An evaluation that goes on from here, without the outcomes."""
        return Evaluation(dict(self.variables), list(self.recipes), [], dict(self.functions), self.read)

    def called(self, function: str) -> Evaluation:
        """What one call of a function would add now: recipes, outcomes and variables."""
        trial = replace(self.copied(), recipes=[], read=set())
        file, found = self.functions[function]
        trial.body(file, found, function, 0)
        return trial

    def body(self, file: str, function: Function, name: str, depth: int) -> None:
        """Follow the body of a function."""
        for one in function.body:
            self._statement(file, one, name, depth + 1)

    def _statement(self, file: str, one: Statement, function: str, depth: int) -> None:
        place = Place(file, one.line, one.last)
        if isinstance(one, Unread):
            self._left(place, f"not understood: {one.why}")
            self._forget(one.sets, place)
        elif isinstance(one, Nothing):
            self.outcomes.append(Outcome(place, NOTHING, one.why))
        elif isinstance(one, Function):
            self.functions[one.name] = (file, one)
            for inner in one.body:
                if isinstance(inner, Unread):
                    self._left(Place(file, inner.line, inner.last), f"not understood: {inner.why}")
        elif isinstance(one, Assign):
            self._assign(one, place)
        else:
            self._call(file, one, place, function, depth)

    def _left(self, place: Place, what: str) -> None:
        self.outcomes.append(Outcome(place, LEFT, what))

    def _forget(self, names: Iterable[str], place: Place) -> None:
        for name in names:
            if name not in self.variables:
                continue
            if self.variables[name].place.file == place.file:
                why = f"line {place.line}, which is not understood, can change it"
                self.variables[name] = replace(self.variables[name], content=None, why=why)
            else:  # the line of the other file is the default of other VMs
                self.variables[name] = Value(None, place, f"it can change {name}")

    # -- assignments -----------------------------------------------------------------------------------------------

    def _assign(self, one: Assign, place: Place) -> None:
        before = self.variables.get(one.name)
        try:
            content, why = self._content(one.word), ""
            if one.appends:
                content = self._appended(one.name, content)
        except _Unknown as error:
            content, why = None, str(error)
        if before is not None and not one.appends and before.place not in self.read and before.place != place:
            self.replaced.append((one.name, before.place, place))
        if one.appends and before is not None:
            self.read.add(before.place)
        self.variables[one.name] = Value(content, place, why)
        if one.name == RECIPES and content is not None:
            names = content.split() if isinstance(content, str) else content
            kept = {listed.name: listed for listed in self.recipes}
            self.recipes = [kept.get(name, Listed(name, place)) for name in names]

    def _content(self, word: Word) -> str | tuple[str, ...]:
        if word.fault:
            raise _Unknown(word.fault)
        if has_other_home(word):
            raise _Unknown("uses the home folder of another account")
        if word.items is None:
            return self._joined(word.parts)
        found: list[str] = []
        for item in word.items:
            found += self._fields(item)
        return tuple(found)

    def _appended(self, name: str, content: str | tuple[str, ...]) -> str | tuple[str, ...]:
        before = self._known(name, is_list=isinstance(content, tuple)) if name in self.variables else None
        if before is None and name == RECIPES:
            before = tuple(listed.name for listed in self.recipes)
        if before is None:
            return content
        if isinstance(before, str) and isinstance(content, str):
            return _bounded(before + content)
        return _bounded_list((*_as_list(before), *_as_list(content)))

    def _known(self, name: str, *, is_list: bool) -> str | tuple[str, ...]:
        """The value of a variable. Raises _Unknown if it is not known or not set."""
        if name == RECIPES:
            return tuple(listed.name for listed in self.recipes)
        value = self.variables.get(name)
        if value is None:
            if is_list and name.startswith("DVM_"):
                return ()
            raise _Unknown(f"uses ${name}, which no line before it sets")
        if value.content is None:
            raise _Unknown(f"uses ${name}, whose value is not known")
        self.read.add(value.place)
        return value.content

    def _part(self, part: Part) -> str | tuple[str, ...]:
        if isinstance(part, Text):
            return part.text
        is_set = part.name in self.variables
        if part.default is not None and not is_set:
            if not part.name.startswith("DVM_"):
                raise _Unknown(f"depends on the environment variable {part.name}")
            return self._joined(part.default)
        if not is_set and not part.name.startswith("DVM_") and part.name.isupper():
            raise _Unknown(f"depends on the environment variable {part.name}")
        content = self._known(part.name, is_list=part.is_list)
        if part.default is not None and not content:  # `:-`; of `-` an empty value stays, which no config relies on
            return self._joined(part.default)
        return content if part.is_list or isinstance(content, str) else (content[0] if content else "")

    def _joined(self, parts: Iterable[Part]) -> str:
        texts: list[str] = []
        for part in parts:
            found = self._part(part)
            texts.append(_bounded(found if isinstance(found, str) else " ".join(found)))
            self.size += len(texts[-1])
            if self.size > MOST_SIZE:
                raise _Unknown("is too long, with all values before it")
        return _bounded("".join(texts))

    def _fields(self, word: Word) -> list[str]:
        """The words that bash makes of a word in a list or of an argument."""
        if has_pattern(word) or has_other_home(word):
            raise _Unknown("has a pattern that bash expands")
        if len(word.parts) == 1 and isinstance(word.parts[0], Variable):
            only = word.parts[0]
            content = self._part(only)
            if isinstance(content, tuple) and (only.is_quoted or all(_is_one_word(item) for item in content)):
                return list(_bounded_list(content))
            if only.is_quoted and isinstance(content, str):
                return [content]
            if isinstance(content, str) and not only.default and not _GLOB & set(content):
                return content.split()
        for part in word.parts:
            if isinstance(part, Variable) and (part.is_list or not (part.is_quoted or self._is_one_word(part))):
                raise _Unknown(f"uses ${part.name} without quotes, which bash can split")
        return [self._joined(word.parts)]

    def _is_one_word(self, part: Variable) -> bool:
        content = self._part(part)
        return isinstance(content, str) and _is_one_word(content)

    # -- calls -----------------------------------------------------------------------------------------------------

    def _call(self, file: str, one: Call, place: Place, function: str, depth: int) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS or depth > MOST_NESTED:
            self._left(place, "not understood: functions call each other too often")
        elif one.name in self.functions:
            where, found = self.functions[one.name]
            before = len(self.recipes)
            self.body(where, found, function or one.name, depth)
            names = ", ".join(listed.name for listed in self.recipes[before:][:20])
            self.outcomes.append(Outcome(place, DONE, f"recipes: {names}" if names else "calls the function"))
        elif one.name == "use":
            self._use(one, place, function)
        elif one.name in (":", "true"):
            self._colon(one, place)
        elif one.name == "unset" and all(word.plain for word in one.arguments):
            for word in one.arguments:
                self.variables.pop(word.plain or "", None)
            self.outcomes.append(Outcome(place, DONE, "unset"))
        else:
            self._left(place, f"not understood: runs the command {one.name}")

    def _use(self, one: Call, place: Place, function: str) -> None:
        try:
            names = [name for word in one.arguments for name in self._fields(word)]
        except _Unknown as error:
            self._left(place, f"not understood: {error}")
            return
        if not names:
            self._left(place, "not understood: use without the name of a recipe")
        for name in names:
            self.recipes.append(Listed(name, place, function))

    def _colon(self, one: Call, place: Place) -> None:
        """`: "${NAME:=default}"` sets a variable that is not set."""
        names = []
        for part in (part for word in one.arguments for part in word.parts):
            if isinstance(part, Variable) and part.sets:
                names.append(part.name)
                if part.name not in self.variables or not self.variables[part.name].content:
                    word = Word((part,), place.line, place.last)
                    self._assign(Assign(part.name, False, word, place.line, place.last), place)
        if not names:
            self.outcomes.append(Outcome(place, NOTHING, "has no effect"))


def _is_one_word(text: str) -> bool:
    """Whether bash makes one word of the text, without quotes."""
    return bool(text) and not any(char.isspace() for char in text) and not _GLOB & set(text)


def _as_list(content: str | tuple[str, ...]) -> tuple[str, ...]:
    return (content,) if isinstance(content, str) else content


def _bounded(text: str) -> str:
    if len(text) > MOST_TEXT:
        raise _Unknown("is too long")
    return text


def _bounded_list(items: tuple[str, ...]) -> tuple[str, ...]:
    if len(items) > MOST_TEXT // 10:
        raise _Unknown("is too long")
    return items


def evaluated(
    files: Mapping[str, tuple[Statement, ...]], given: Mapping[str, str], start: Evaluation | None = None
) -> Evaluation:
    """The evaluation of files in order, after `start`; `given`: variables that bash DVM sets itself."""
    found = start.copied() if start else Evaluation()
    for name, content in given.items():
        found.variables[name] = Value(content, Place("", 0, 0))
    for file, statements in files.items():
        found.follow(file, statements)
    return found
