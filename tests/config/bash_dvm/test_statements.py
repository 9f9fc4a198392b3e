"""The parser: what is understood of bash, that it is what bash understands, and that no line is lost."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvmweb.config.bash_dvm.evaluation import evaluated
from dvmweb.config.bash_dvm.statements import Assign, Call, Function, Nothing, Unread, lines_of, parse


def unread(text: str) -> list[tuple[int, int]]:
    return [(line, last) for line, last, one in lines_of(parse(text)) if isinstance(one, Unread)]


def values(text: str) -> dict[str, object]:
    return {name: value.content for name, value in evaluated({"f": parse(text)}, {}).variables.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1", "1"),
        ("A=", ""),
        ("A=''", ""),
        ("A='a $B `c`'", "a $B `c`"),
        ('A="a \\"b\\" \\$c \\d"', 'a "b" $c \\d'),
        ("A=a\\ b'c'\"d\"", "a bcd"),
        ("A='two\nlines'", "two\nlines"),
        ("A=one\\\ntwo", "onetwo"),
        ("A=a#b # comment", "a#b"),
        ("export A=1", "1"),
        ("declare -r A=1", "1"),
        ("B=x; A=$B-${B}", "x-x"),
        ('A="${DVM_NOT:-4}"', "4"),
        ('A="${DVM_NOT:-"a b"}"', "a b"),
        ("A=${DVM_NOT:-${DVM_NOR:-deep}}", "deep"),
        ("A=4; : ${A:=5}", "4"),
        (': "${A:=5}"', None),  # the environment can have another
        (': "${DVM_A:=5}"; A=$DVM_A', "5"),
        ("A=1; A+=2", "12"),
        ("A=(a 'b c' \"d\")", ("a", "b c", "d")),
        ("A=(\n  a # first\n\n  b \\\n  c\n)", ("a", "b", "c")),
        ("A=()", ()),
        ("B=(a b); A=(x \"${B[@]}\" 'y')", ("x", "a", "b", "y")),
        ("B='a b'; A=($B \"$B\")", ("a", "b", "a b")),
        ("A=(a); A+=(b)", ("a", "b")),
        ('A=("${DVM_DEFAULT_RECIPES[@]}" x)', ("x",)),
        ("A=3000:3000\r\n", "3000:3000"),
        ("A=~/code", "~/code"),
        ("B=x; A=(a$B-${B})", ("ax-x",)),
        ("B='x y'; A=(a$B)", None),
        ("B='*'; A=($B)", None),
        ('B=(x y); A=(a"${B[@]}")', None),
    ],
)
def test_values_of_plain_forms(text: str, expected: object) -> None:
    assert values(text).get("A") == expected
    assert not unread(text)


@pytest.mark.parametrize(
    "value",
    [
        *("$(id -un)", "`id`", '"a $(b "c)") d"', "$((1 + 1))", "$1", "$?", "${B#x}", "${#B}", "${!B}", "${B/x/y}"),
        *("$HOME", "${USER:-x}", "$B", "'open", '"open', "$'a\\n'", "(a $(b))", "(a {b,c})", "(*.sh)", "(a; b)", "(a"),
        *(
            "${B:-${C:-${D:-${E:-${F:-${G:-${H:-${I:-${J:-x}}}}}}}}}",
            "$(case x in a) echo;; esac)",
            "$(cat <<E\n)\nE\n)",
        ),
    ],
)
def test_a_value_that_is_not_plain_is_unknown(value: str) -> None:
    assert values(f"A={value}")["A"] is None


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("if x; then\n  A=1\nfi\nB=1", [(1, 3)]),
        ("if x; then A=1; fi; B=1", [(1, 1)]),
        ("for x in a b; do\n  use $x\ndone", [(1, 3)]),
        ("while x\ndo\nif y; then\nA=1\nfi\ndone\n", [(1, 6)]),
        ("case $x in\n  a) A=1 ;;\n  (b) A=2 ;;\nesac\nB=1", [(1, 4)]),
        ("[ -f x ] && use node", [(1, 1)]),
        ("x ||\n  A=1\nB=1", [(1, 2)]),
        ("(\nA=1\n)", [(1, 3)]),
        ("{ A=1\n}", [(1, 2)]),
        ("cat <<E >x\nA=1\nE\nB=1", [(1, 3)]),
        ("cat <<-'E' <<F\nA=1\n\tE\nA=2\nF\nB=1", [(1, 5)]),
        ("cat <<E\nA=1", [(1, 2)]),
        ("A=1 node", [(1, 1)]),
        ("declare -A A=1", [(1, 1)]),
        ("A[0]=1", []),
        ("x() ( A=1\n)", [(1, 2)]),
        ("x() {\nA=1", [(1, 2)]),
        ("x() { A=1; } >y", [(1, 1)]),
        ("if x; then\nA=1\n", [(1, 2)]),
        ("done", []),
        (")", [(1, 1)]),
        ("eval `x`", [(1, 1)]),
        ("exit 1\nA=1", [(1, 1)]),
        ("A=1 &\nB=1", [(1, 1)]),
        ("A=1 | cat\nB=1", [(1, 1)]),
    ],
)
def test_what_is_unread_has_its_lines_and_sets_nothing(text: str, lines: list[tuple[int, int]]) -> None:
    assert unread(text) == lines
    found = values(text)
    assert found.get("A", "1" if text.startswith("exit") else None) == ("1" if text.startswith("exit") else None)
    assert found.get("B", "1") == "1"


def test_a_value_that_an_unread_line_can_change_is_unknown() -> None:
    for changing in (
        "if x; then A=2; fi",
        "[ x ] && A=2",
        "x && read -r A",
        "for A in 1 2; do x; done",
        "x || unset A",
    ):
        assert values(f"A=1\n{changing}")["A"] is None, changing
    assert values("A=1\nif x; then B=2; fi")["A"] == "1"
    assert values("A=1\nif x; then A=2; fi\nA=3")["A"] == "3"


def test_kinds_of_statements() -> None:
    found = parse(
        "#!/bin/bash\nset -eu\nuse_tools() {\n\tuse git\n\tDVM_CPUS=2\n}\nfunction b {\n:\n}\nuse_tools\nuse a b"
    )
    assert [type(one) for one in found] == [Nothing, Function, Function, Call, Call]
    first = found[1]
    assert isinstance(first, Function)
    assert (first.name, first.line, first.last) == ("use_tools", 3, 6)
    assert [type(one) for one in first.body] == [Call, Assign]


def test_functions_that_call_each_other_end() -> None:
    many = "".join(f"f{n}() {{ f{n + 1}; f{n + 1}; }}\n" for n in range(30)) + "f30() { use a; }\nf0\nr() { r; }\nr"
    found = evaluated({"f": parse(many)}, {})
    assert any("too often" in one.what for one in found.outcomes)
    assert len(found.recipes) < 20_000


def test_values_that_double_end() -> None:
    assert values("A=xxxxxxxxxx\n" + 'A="$A$A"\n' * 60)["A"] is None
    assert values("A=(x x x x)\n" + 'A=("${A[@]}" "${A[@]}")\n' * 60)["A"] is None


# Pieces of bash in every order; none of them runs a command.
PIECES = [
    "A=",
    "B=(",
    ")",
    "'",
    '"',
    "$A",
    "${B[@]}",
    "${A:-x}",
    "\\",
    "\n",
    " ",
    ";",
    "#",
    "x",
    "use git",
    "f() {",
    "}",
]
PIECES += [
    "if x",
    "then",
    "fi",
    "case x in",
    "esac",
    "a)",
    ";;",
    "for i in",
    "do",
    "done",
    "&&",
    "|",
    "<<E",
    "E\n",
    "`",
]
PIECES += [
    "$(",
    "${",
    "((",
    "[[",
    "]]",
    ">",
    "&",
    "\t",
    "\r\n",
    "~",
    "é",
    "\x00",
    "\u2028",
    "\udc80",
    "unset A",
    ":",
    "+=",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(max_size=200)


@settings(max_examples=400)
@given(TEXTS)
def test_any_text_is_parsed_and_every_line_is_accounted_for(text: str) -> None:
    statements = parse(text)
    evaluated({"f": statements}, {"DVM_NAME": "app"})
    covered = {number for one in statements for number in range(one.line, one.last + 1)}
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.strip().startswith("#"):
            assert number in covered, (number, line)


def test_a_long_text_takes_no_long_time_by_steps() -> None:
    """Nested brackets and quotes do not run out of stack."""
    for text in ("A=" + "$(" * 50_000, "A=" + '"${A:-' * 50_000, "{ " * 50_000, "f() { " * 5_000, "A=" + "x" * 200_000):
        assert parse(text)


SAFE = [
    "a",
    "7",
    " ",
    "'",
    '"',
    "\\",
    "$A",
    "${A}",
    "${DVM_N:-d e}",
    "~",
    "#",
    "=",
    "-",
    "é",
    "\\\n",
    "${A:-z}",
    "/",
    ":",
]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(SAFE), max_size=12).map("".join), st.booleans())
def test_a_value_is_what_bash_makes_of_it(tmp_path_factory: pytest.TempPathFactory, piece: str, is_list: bool) -> None:
    """What is understood is compared with bash itself; these texts run nothing."""
    text = f"A='p q'\nE=''\nL=(m 'n o')\nX={f'({piece})' if is_list else piece}\n"
    statements = parse(text)
    found = evaluated({"f": statements}, {})
    if any(not isinstance(one, Assign) for one in statements) or any(
        one.content is None for one in found.variables.values()
    ):
        return
    content = found.variables["X"].content
    expected = content if isinstance(content, tuple) else (content,)
    file = Path(tmp_path_factory.getbasetemp()) / "config.sh"
    file.write_text(text)
    script = 'set -f; HOME="~"; . "$1"; printf "%s\\0" "${X[@]}"'
    done = subprocess.run(["bash", "-c", script, "bash", str(file)], capture_output=True, check=True)
    assert done.stderr == b""
    shown = done.stdout.decode().split("\0")[:-1]
    assert tuple(shown) == (expected or ("",))
