"""Parses a config of bash DVM: assignments, `use`, functions of them. All else is `Unread`, with its lines. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from dvmweb.config.bash_dvm import scanner
from dvmweb.config.bash_dvm.words import Operator, Token, Word, assignment

NESTED = 10  # functions in functions
_ENDS = {"if": "fi", "for": "done", "while": "done", "until": "done", "select": "done", "case": "esac", "{": "}"}
_COMMAND_FOLLOWS = ("if", "while", "until", "{", "then", "do", "else", "elif", "!", "time")
_DECLARES = ("export", "readonly", "declare", "typeset", "local")
_ENDS_THE_FILE = ("return", "exit", "exec")
_FUNCTION_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_:.-]*")
_SETS = re.compile(
    r"\b([A-Za-z_]\w*)(?:\[[^\]\n]*\])?\+?="
    r"|\b(?:for|select|read(?:\s+-\w+)*|mapfile(?:\s+-\w+)*|readarray(?:\s+-\w+)*|printf\s+-v|unset(?:\s+-v)?)"
    r"\s+([A-Za-z_]\w*)"
)


@dataclass(frozen=True)
class Assign:
    name: str
    appends: bool
    word: Word
    line: int
    last: int


@dataclass(frozen=True)
class Call:
    """A command: `use`, `:`, `unset`, or a function."""

    name: str
    arguments: tuple[Word, ...]
    line: int
    last: int


@dataclass(frozen=True)
class Function:
    name: str
    body: tuple[Statement, ...]
    line: int
    last: int


@dataclass(frozen=True)
class Nothing:
    """A line that has no effect on a VM."""

    why: str
    line: int
    last: int


@dataclass(frozen=True)
class Unread:
    """What is not understood, and the variables that it can set."""

    why: str
    line: int
    last: int
    sets: frozenset[str] = frozenset()


Statement: TypeAlias = Assign | Call | Function | Nothing | Unread


def parse(text: str) -> tuple[Statement, ...]:
    """All statements of a file, in order. Every line with more than a comment is part of one."""
    text = text.replace("\r\n", "\n")  # saved by an editor of Windows
    parser = _Parser(text)
    found = parser.block(0)
    covered = {number for one in found for number in range(one.line, one.last + 1)}
    lines = text.split("\n")
    missed = (n for n, line in enumerate(lines, 1) if n not in covered and line.strip() and line.strip()[0] != "#")
    return (*found, *(Unread("is not understood", number, number) for number in missed))


def lines_of(statements: Iterable[Statement]) -> Iterator[tuple[int, int, Statement]]:
    """First and last line of each statement, also of those in functions."""
    for one in statements:
        yield one.line, one.last, one
        if isinstance(one, Function):
            yield from lines_of(one.body)


class _Parser:
    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.tokens: tuple[Token, ...] = scanner.tokens(text)
        self.at = 0
        self.names: dict[tuple[int, int], frozenset[str]] = {}  # what the lines can set

    def block(self, depth: int) -> tuple[Statement, ...]:
        """The statements up to the end, in a function up to its `}`."""
        found: list[Statement] = []
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if isinstance(token, Operator) and token.text in ("\n", ";"):
                self.at += 1
            elif depth and isinstance(token, Word) and token.plain == "}":
                return tuple(found)
            else:
                found += self._command(depth)
        return tuple(found)

    def _command(self, depth: int) -> list[Statement]:
        start, first = self.at, self.tokens[self.at]
        if isinstance(first, Operator):
            return [self._unread(start, f"{first.text} is not evaluated")]
        name = first.plain or ""
        if name == "function" or self._is_operator(start + 1, "("):
            return [self._function(start, depth)]
        if name in _ENDS:
            return [self._unread(start, f"{name} is not evaluated")]
        found: list[Word] = []
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if isinstance(token, Operator):
                if token.text not in ("\n", ";"):
                    return [self._unread(start, f"{token.text} is not evaluated")]
                break
            found.append(token)
            self.at += 1
        return self._simple(found)

    def _simple(self, found: list[Word]) -> list[Statement]:
        line, last = found[0].line, found[-1].last
        given = [assignment(word) for word in found]
        if all(given):
            return [_assign(word, one) for word, one in zip(found, given, strict=True) if one]
        if given[0]:
            return [self._not("sets a variable for one command only", line, last)]
        name, arguments = found[0].plain, found[1:]
        if name in _DECLARES:
            return self._declared(found)
        if name is None:
            return [self._not(found[0].fault or "is a command whose name is not plain text", line, last)]
        if name in ("set", "shopt") and all(word.plain for word in arguments):
            return [Nothing("an option of the shell", line, last)]
        if fault := next((word.fault for word in arguments if word.fault), ""):
            return [self._not(fault, line, last)]
        if name in _ENDS_THE_FILE:
            return [self._not(f"{name} is not evaluated; the lines after it are read", line, last)]
        return [Call(name, tuple(arguments), line, last)]

    def _declared(self, found: list[Word]) -> list[Statement]:
        """`export NAME=value` and the like."""
        line, last = found[0].line, found[-1].last
        statements: list[Statement] = []
        for word in found[1:]:
            given, plain = assignment(word), word.plain or ""
            if given:
                statements.append(_assign(word, given))
            elif re.fullmatch(r"-[agrx]+", plain) or re.fullmatch(r"[A-Za-z_]\w*", plain):
                statements.append(Nothing("only declares", word.line, word.last))
            else:
                return [self._not("is a declaration that is not understood", line, last)]
        return statements or [Nothing("only declares", line, last)]

    def _function(self, start: int, depth: int) -> Statement:
        """`name() {...}` or `function name {...}`."""
        at = start + 1 if self._plain(start) == "function" else start
        name = self._plain(at)
        at += 1
        if self._is_operator(at, "(") and self._is_operator(at + 1, ")"):
            at += 2
        while self._is_operator(at, "\n"):
            at += 1
        if not _FUNCTION_NAME.fullmatch(name) or self._plain(at) != "{" or depth >= NESTED:
            return self._unread(start, "is a function that is not understood")
        self.at = at + 1
        body = self.block(depth + 1)
        line = self.tokens[start].line
        if self.at >= len(self.tokens):
            return self._not("is a function that is not closed", line, self.tokens[-1].last)
        last = self.tokens[self.at].last
        self.at += 1
        if not self._is_end():  # a redirection, or `&& ...`
            return self._unread(start, "is a function that is not understood")
        if name == "use":
            return self._not("defines use again", line, last)
        return Function(name, body, line, last)

    def _unread(self, start: int, why: str) -> Unread:
        """Everything from `start` to the end of that command with all that is open in it."""
        ends: list[str] = []
        is_start, goes_on = True, False
        at = start
        while at < len(self.tokens):
            token = self.tokens[at]
            if isinstance(token, Word):
                is_start, goes_on = _after_word(token.plain or "", ends, is_start=is_start), False
            elif token.text in ("\n", ";"):
                if not ends and not goes_on:
                    break
                is_start = True
            else:
                goes_on = token.text in ("&&", "||", "|", "|&") or (goes_on and token.text == "(")
                is_start = _after_operator(token.text, ends)
            at += 1
        self.at = at
        last = self.tokens[min(at, len(self.tokens) - 1)].last
        why += f", and {ends[-1]} is missing" if ends else ""
        return self._not(why, self.tokens[start].line, last)

    def _not(self, why: str, line: int, last: int) -> Unread:
        if (line, last) not in self.names:  # once for many commands on one line
            text = "\n".join(self.lines[line - 1 : last])
            self.names[line, last] = frozenset(match[1] or match[2] for match in _SETS.finditer(text))
        return Unread(why, line, last, self.names[line, last])

    def _plain(self, at: int) -> str:
        token = self.tokens[at] if at < len(self.tokens) else None
        return token.plain or "" if isinstance(token, Word) else ""

    def _is_operator(self, at: int, text: str) -> bool:
        token = self.tokens[at] if at < len(self.tokens) else None
        return isinstance(token, Operator) and token.text == text

    def _is_end(self) -> bool:
        return (
            self.at >= len(self.tokens)
            or self._is_operator(self.at, "\n")
            or self._is_operator(self.at, ";")
            or self._plain(self.at) == "}"
        )


def _assign(word: Word, given: tuple[str, bool, Word]) -> Assign:
    name, appends, value = given
    return Assign(name, appends, value, word.line, word.last)


def _after_word(plain: str, ends: list[str], *, is_start: bool) -> bool:
    """Keep `ends` current after a word; return whether the next word begins a command."""
    if not is_start:
        return False
    if plain in _ENDS:
        ends.append(_ENDS[plain])
    elif ends and plain == ends[-1]:
        ends.pop()
        return False
    return plain in _COMMAND_FOLLOWS


def _after_operator(text: str, ends: list[str]) -> bool:
    top = ends[-1] if ends else ""
    if text == "(" and top != "esac":
        ends.append(")")
    elif text == ")" and top == ")":
        ends.pop()
    return text[0] not in "<>" and text not in ("&>", "&>>")
