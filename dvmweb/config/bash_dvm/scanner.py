"""Splits a bash file into words and operators, with their lines. Pure: expands and runs nothing.

It knows quotes, arrays, comments, here-documents and plain variables. A word with anything else has a `fault`.
"""

from __future__ import annotations

import re

from dvmweb.config.bash_dvm.words import ASSIGNS, Operator, Part, Text, Token, Variable, Word, merged

NESTED = 8  # levels of `${A:-${B:-...}}`
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r"&&|\|\||\|&|;;&|;&|;;|<<<|<<-|<<|<&|<>|>>|>&|>\||&>>|&>|[;&|()<>\n]")
_HARD = re.compile(r"\bcase\b|<<")  # in a command substitution: its end cannot be found without a full parser


def tokens(text: str) -> tuple[Token, ...]:
    """All words and operators of a file, without comments."""
    return tuple(_Scanner(text).run())


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text, self.at, self.line, self.counted = text, 0, 1, 0
        self.fault = ""
        self.documents: list[tuple[str, bool]] = []  # the here-documents that begin after this line
        self.delimiter: bool | None = None  # the next word ends a here-document; whether tabs are removed

    def run(self) -> list[Token]:
        found: list[Token] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char in " \t\r":
                self.at += 1
            elif self.text.startswith("\\\n", self.at):
                self.at += 2
            elif char == "#":
                self.at = self._end_of_line()
            elif operator := _OPERATOR.match(self.text, self.at):
                found.append(self._operator(operator[0]))
            else:
                found.append(self._word())
        return found

    def _here(self) -> int:
        """The line of the place."""
        self.line += self.text.count("\n", self.counted, self.at)
        self.counted = self.at
        return self.line

    def _end_of_line(self) -> int:
        end = self.text.find("\n", self.at)
        return len(self.text) if end < 0 else end

    def _operator(self, text: str) -> Operator:
        line = self._here()
        self.at += len(text)
        if text in ("<<", "<<-"):
            self.delimiter = text == "<<-"
        if text == "\n" and self.documents:
            for end, is_tabbed in self.documents:
                self._skip_document(end, is_tabbed=is_tabbed)
            self.documents = []
            last = self._here() - (1 if self.text[self.at - 1] == "\n" else 0)
            return Operator(text, line, last)
        return Operator(text, line, line)

    def _skip_document(self, end: str, *, is_tabbed: bool) -> None:
        while self.at < len(self.text):
            stop = self._end_of_line()
            line = self.text[self.at : stop]
            self.at = min(stop + 1, len(self.text))
            if (line.lstrip("\t") if is_tabbed else line).rstrip("\r") == end:
                return

    def _word(self, *, in_array: bool = False) -> Word:
        first, start = self._here(), self.at
        before, self.fault = self.fault, ""
        parts = self._parts("")
        items = None
        head = self.text[start : self.at]
        if self.text.startswith("(", self.at) and not in_array and ASSIGNS.fullmatch(head):
            self.at += 1
            items = self._array()
        if self.at == start:  # nothing that a word can begin with
            self.at += 1
            self._wrong("has a character that is not understood")
        if self.delimiter is not None:
            plain = "".join(part.text for part in parts if isinstance(part, Text))
            self.documents.append((plain if len(plain) else self.text[start : self.at], self.delimiter))
            self.delimiter = None
        word = Word(merged(parts), first, self._here(), self.fault, items)
        self.fault = before
        return word

    def _array(self) -> tuple[Word, ...]:
        items: list[Word] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == ")":
                self.at += 1
                return tuple(items)
            if char in " \t\r\n":
                self.at += 1
            elif self.text.startswith("\\\n", self.at):
                self.at += 2
            elif char == "#":
                self.at = self._end_of_line()
            elif char in ";&|<>(":
                self._wrong(f"has a {char} in a list")
                self.at += 1
            else:
                items.append(self._word(in_array=True))
                if items[-1].fault:
                    self._wrong(items[-1].fault)
        self._wrong("is not closed")
        return tuple(items)

    def _parts(self, end: str, depth: int = 0) -> list[Part]:
        """The parts of a word; `end`: the `}` or `"` after them, which is consumed, "" for a word of its own."""
        parts: list[Part] = []
        is_quoted = end == '"'
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == end:
                self.at += 1
                return parts
            if not end and char in " \t\n;&|()<>":
                return parts
            if not end and char == "\r" and self.text.startswith("\r\n", self.at):
                return parts
            self._part(parts, char, depth, is_quoted=is_quoted)
        if end:
            self._wrong("is not closed")
        return parts

    def _part(self, parts: list[Part], char: str, depth: int, *, is_quoted: bool) -> None:
        if char == "\\":
            self._escaped(parts, is_quoted=is_quoted)
        elif char == "$":
            self._dollar(parts, depth, is_quoted=is_quoted)
        elif char == "`":
            self._wrong("runs a command")
            self.at += 1
            self._skip("`")
        elif char == "'" and not is_quoted:
            stop = self.text.find("'", self.at + 1)
            if stop < 0:
                self._wrong("is not closed")
            stop = len(self.text) if stop < 0 else stop
            parts.append(Text(self.text[self.at + 1 : stop], True))
            self.at = stop + 1
        elif char == '"' and not is_quoted:
            self.at += 1
            parts += self._parts('"', depth + 1) or [Text("", True)]
        else:
            parts.append(Text(char, is_quoted))
            self.at += 1

    def _escaped(self, parts: list[Part], *, is_quoted: bool) -> None:
        following = self.text[self.at + 1 : self.at + 2]
        self.at += 2
        if following == "\n":
            return
        kept = "\\" if is_quoted and following not in ("$", "`", '"', "\\") else ""
        parts.append(Text(kept + following, True))

    def _dollar(self, parts: list[Part], depth: int, *, is_quoted: bool) -> None:
        self.at += 1
        following = self.text[self.at : self.at + 1]
        name = _NAME.match(self.text, self.at)
        if self.text.startswith("\\\n", name.end() if name else self.at):  # bash joins the two lines first
            self._wrong("has a name that can go on in the next line")
        if name:
            self.at = name.end()
            parts.append(Variable(name[0], is_quoted))
        elif following == "{":
            self.at += 1
            self._braces(parts, depth, is_quoted=is_quoted)
        elif following == "(":
            self._wrong("does arithmetic" if self.text.startswith("((", self.at) else "runs a command")
            self.at += 1
            start = self.at
            self._skip(")")
            if _HARD.search(
                self.text[start : self.at].replace("\\\n", "")
            ):  # its end can be elsewhere, so nothing after it is read
                self._wrong("is a command substitution whose end is not clear")
                self.at = len(self.text)
        elif following == "'" and not is_quoted:
            self._wrong("has a text with $'...'")
            self.at += 1
            self._skip("'")
        elif following and following in "0123456789?$!#@*-_":
            self._wrong(f"uses ${following}")
            self.at += 1
        elif following == '"' and not is_quoted:
            self._wrong('has a text with $"..."')
        else:
            parts.append(Text("$", is_quoted))

    def _braces(self, parts: list[Part], depth: int, *, is_quoted: bool) -> None:
        name = _NAME.match(self.text, self.at)
        rest = name.end() if name else self.at
        how = re.compile(r"\}|:?-|:?=|\[[@*]\]\}").match(self.text, rest) if name and depth < NESTED else None
        if name is None or how is None:
            self._wrong("uses a form of ${...} that is not understood")
            self._skip("}")
            return
        self.at = how.end()
        if how[0] == "}" or how[0].startswith("["):
            parts.append(Variable(name[0], is_quoted, is_list=how[0] != "}"))
            return
        default = merged(self._default(depth + 1, is_quoted=is_quoted))
        parts.append(Variable(name[0], is_quoted, default, "=" in how[0]))

    def _default(self, depth: int, *, is_quoted: bool) -> list[Part]:
        parts: list[Part] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "}":
                self.at += 1
                return parts
            if char == '"' and is_quoted:
                self.at += 1
                parts += self._parts('"', depth + 1)
                continue
            self._part(parts, char, depth, is_quoted=is_quoted)
        self._wrong("is not closed")
        return parts

    def _skip(self, end: str) -> None:
        """Move behind the `end` that belongs to what was opened just before."""
        open_ends = [end]
        while open_ends and self.at < len(self.text):
            char, top = self.text[self.at], open_ends[-1]
            pair = self.text[self.at : self.at + 2]
            if char == "\\":
                self.at += 2
                continue
            if char == top:
                open_ends.pop()
            elif top in "'`":
                pass
            elif pair in ("$(", "${"):
                open_ends.append(")" if pair == "$(" else "}")
                self.at += 1
            elif char == "`":
                open_ends.append("`")
            elif top != '"' and char in "'\"":
                open_ends.append(char)
            elif top == ")" and char == "(":
                open_ends.append(")")
            elif top == ")" and char == "#" and self.text[self.at - 1] in " \t\n":
                self.at = self._end_of_line()
                continue
            self.at += 1
        if open_ends:
            self._wrong("is not closed")

    def _wrong(self, fault: str) -> None:
        self.fault = self.fault or fault
