"""The strict YAML reader: what it takes, what it refuses, and that each error names its line."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvmweb.config import yaml_reader
from dvmweb.errors import ConfigError, Problem

BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n" % (name + 1, name + 1, *[name] * 9)
    for name in b"abcdefgh"
)


def problems_of(data: bytes) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        yaml_reader.read(data, "app.yaml")
    return caught.value.problems


HOSTILE = [
    pytest.param(b"cpus: 2\ndisk: 1GiB\ncpus: 3\n", 3, "is given twice, first in line 1", id="C10-duplicate-key"),
    pytest.param(b"params:\n  node:\n    a: 1\n    a: 2\n", 4, "is given twice", id="C10-duplicate-key-below"),
    pytest.param(BOMB, 1, "anchor or alias", id="C10-alias-bomb"),
    pytest.param(b"a: &a [*a]\n", 1, "anchor or alias", id="C10-recursive-alias"),
    pytest.param(b"cpus: 2\n<<: {disk: 1GiB}\n", 2, "is not text to YAML", id="C10-merge-key"),
    pytest.param(b"a: " + b"[" * 3000, 1, "nest", id="C10-depth-3000-lists"),
    pytest.param(b"{a: " * 3000, 1, "nest", id="C10-depth-3000-maps"),
    pytest.param(b"a:\n  " + b"- " * 3000, 2, "nested deeper than 20 levels", id="C10-depth-3000-dashes"),
    pytest.param(b"x: 1\ncpus: " + b"7" * 5000, 2, "too long", id="C10-5000-digits"),
    pytest.param(b"x: 1\na: !!python/object/apply:os.system [id]\n", 2, "uses a YAML tag", id="C10-python-object"),
    pytest.param(b"a: !x y\n", 1, "uses a YAML tag", id="C10-tag"),
    pytest.param(b"a: x\n" + b"#" * 65536, 0, "larger than 65536 bytes", id="C10-65-kB"),
    pytest.param(b"a: [" + b"1," * 30000 + b"]", 1, "more than 5000 values", id="C10-many-values"),
    pytest.param(b"\xef\xbb\xbfcpus: 2\n", 1, "byte order mark", id="C10-BOM"),
    pytest.param("cpus: 2\n".encode("utf-16"), 1, "UTF-16", id="C10-UTF-16"),
    pytest.param("cpus: 2\n".encode("utf-16-le"), 1, "UTF-16", id="C10-UTF-16-no-BOM"),
    pytest.param(b"cpus: 2\n\tdisk: 1GiB\n", 2, "a tab indents this line", id="C10-tab"),
    pytest.param(b"cpus: 2\nuser: \xff\n", 2, "is not UTF-8 here", id="bad-utf-8"),
    pytest.param(b"cpus: 2\nuser: a\0b\n", 2, r"control character \x00", id="NUL"),
    pytest.param(b"cpus: 2\nuser: \x1b[31m\n", 2, r"control character \x1b", id="escape"),
    pytest.param("cpus: 2\nuser: x\u2028mounts: y\n".encode(), 2, r"control character \u2028", id="C05-U+2028"),
    pytest.param(b"cpus: 2\rdisk: 1GiB", 1, r"control character \x0d", id="lone-CR"),
    pytest.param(b"a: 1\n---\nb: 2\n", 2, "second document", id="two-documents"),
    pytest.param(b"[cpus]\n", 1, "contains no fields", id="list"),
    pytest.param(b"root:x:0:0:root:/root:/bin/bash\n", 1, "contains no fields", id="C11-etc-passwd"),
    pytest.param(b"cpus: 2\nuser: {{.Home}}\n", 2, "not plain text", id="C05-go-template"),
    pytest.param(b"? [a]\n: b\n", 1, "not plain text", id="list-as-name"),
    pytest.param(b"a: 1\nb: 'x\n", 3, "is not YAML here", id="open-quote"),
    pytest.param(b"a: 1\nb: c: d\n", 2, "in quotes", id="colon-in-text"),
]


@pytest.mark.parametrize(("data", "line", "word"), HOSTILE)
def test_one_readable_error_with_its_line(data: bytes, line: int, word: str) -> None:
    started = time.process_time()
    problems = problems_of(data)
    assert time.process_time() - started < 2
    assert len(problems) == 1
    assert problems[0].line == line
    assert word in str(problems[0])
    assert problems[0].todo
    assert len(str(problems[0])) < 400
    assert str(problems[0]).isprintable()


@pytest.mark.parametrize(
    "written", ["1.5", ".inf", "2026-11-24", "1:20", "8022:22", "012", "0x1F", "1_000", "0b1", "=", "1.0e+3"]
)
def test_what_two_yaml_readers_take_for_two_things_must_be_quoted(written: str) -> None:
    (problem,) = problems_of(f"ok: 1\na: {written}\n".encode())
    assert (problem.field, problem.line) == ("a", 2)
    assert f'"{written}"' in problem.todo
    assert yaml_reader.read(f'a: "{written}"\n'.encode(), "f").data == {"a": written}


@pytest.mark.parametrize("name", ["no", "1", "~", "2026-11-24", "012"])
def test_a_name_that_is_not_text_must_be_quoted(name: str) -> None:
    assert yaml_reader.read(f'"{name}": x\n'.encode(), "f").data == {name: "x"}
    assert problems_of(f"{name}: x\n".encode())[0].field == name


def test_plain_data_and_the_line_of_every_value() -> None:
    document = yaml_reader.read(
        b"# top\ncpus: 2\nports:\n\n  # web\n  - 3000\n  - 80:80\nb: yes\nn: {a: ~, b: [x]}\n", "f"
    )
    assert document.data == {"cpus": 2, "ports": [3000, "80:80"], "b": True, "n": {"a": None, "b": ["x"]}}
    written = " ".join(f"{path}={line}" for path, line in document.lines.items())
    assert written == "cpus=2 ports=3 ports.1=6 ports.2=7 b=8 n=9 n.a=9 n.b=9 n.b.1=9"
    assert document.texts == {"cpus": "2", "ports.1": "3000", "b": "yes", "n.a": "~"}


@pytest.mark.parametrize("data", [b"", b"\n\n", b"# only a comment\n", b"---\n", b"~\n"])
def test_an_empty_file_says_nothing(data: bytes) -> None:
    assert yaml_reader.read(data, "f").data == {}


def test_all_values_that_cannot_be_read_are_told_at_once() -> None:
    problems = problems_of(b"a: 1.5\nb: 2026-11-24\na: x\nno: y\n")
    assert [(problem.field, problem.line) for problem in problems] == [("a", 1), ("b", 2), ("a", 3), ("no", 4)]


@given(st.binary(max_size=300) | st.text("ab:-[]{}&*!|>'\"#%@`\t\n ,?~<", max_size=80).map(str.encode))
def test_any_bytes_give_data_or_problems(data: bytes) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        document = yaml_reader.read(data, "f")
    except ConfigError as error:
        problems = error.problems
    if problems:
        assert all(0 <= problem.line <= data.count(b"\n") + 1 for problem in problems)
    else:
        assert set(document.data) <= set(document.lines)
