"""`dvm --help` as users look for a verb, and the words of other tools that lead to ours."""

from __future__ import annotations

import shlex

from dvmweb.cli.config.commands import config
from dvmweb.cli.group import SECTIONS
from dvmweb.cli.main import main
from dvmweb.cli.recipe.commands import recipe
from dvmweb.cli.synonyms import CONFIG_VERBS, RECIPE_VERBS, VERBS
from tests.journey.driver import User, Vm


def test_every_verb_stands_in_one_section_of_the_help() -> None:
    told = [name for names in SECTIONS.values() for name in names]
    assert sorted(told) == sorted(main.commands)
    assert len(told) == len(set(told))


def test_no_line_of_the_help_is_cut_at_80_columns(user: User) -> None:
    for words in ("", "recipe", *main.commands):
        usage, _, rest = user.dvm(f"{words} --help").succeeds().out.partition("\n")
        assert max(map(len, (usage, *rest.splitlines()))) <= 80, words
        assert not [line for line in rest.splitlines() if line.rstrip().endswith(("...", "…"))], words


def test_each_verb_has_one_line_that_is_a_sentence(user: User) -> None:
    lines = user.dvm("--help", COLUMNS="80").succeeds().out.partition("\nVMs:\n")[2].splitlines()
    for name in main.commands:
        (line,) = [line for line in lines if line.startswith(f"  {name} ")]
        assert line.endswith("."), line
        assert line.split()[1][0].isupper(), line
    assert [line.removesuffix(":") for line in lines if line and line[0] != " "] == list(SECTIONS)[1:]


ASKED = (
    "shell exec delete create new edit list ls-all logs status up down destroy remove console attach "  # noqa: SIM905
    "connect ps kill halt reboot help version".split()
)


def test_a_word_of_another_tool_leads_to_ours(user: User) -> None:
    for word in sorted({*ASKED, *VERBS}):
        assert word not in main.commands
        refused = user.dvm(f"{word} app").exits("usage error").prints_nothing()
        refused.warns(f"There is no command `dvm {word}`.")
        hint = refused.err.splitlines()[-1]
        verbs = [command.split()[0].rstrip(".") for command in hint.split("dvm ")[1:]]
        assert verbs
        assert all(verb in main.commands or verb.startswith("--") for verb in verbs), hint
    for word in sorted(CONFIG_VERBS):
        assert word not in config.commands
        user.dvm(f"config {word} x").exits("usage error").warns(f"There is no command `dvm config {word}`.")
    for word in sorted(RECIPE_VERBS):
        assert word not in recipe.commands
        user.dvm(f"recipe {word} x").exits("usage error").warns(f"There is no command `dvm recipe {word}`.")


HINTS = {
    "shell app": "dvm sh app",
    "shell": "dvm sh NAME",
    "shell --help": "dvm sh NAME",
    "delete -f app": "dvm rm NAME",
    "reboot app": "dvm restart app",
    "exec app -- ls -la 'a b'": "dvm ssh app -- ls -la 'a b'",
    "exec app ls": "dvm ssh app -- ls",
    "exec app": "dvm ssh app -- COMMAND",
    "create app": "dvm init app && dvm sync app",
    "status": "dvm ls",
    "edit app": "dvm config edit app && dvm sync app",
}


def test_the_hint_is_typed_as_it_is(user: User) -> None:
    for line, hint in HINTS.items():
        user.dvm(line).exits("usage error").warns(f": {hint}\n")
    user.dvm("xyzzy").exits("usage error").warns("No such command 'xyzzy'")


def test_a_vm_in_the_place_of_the_verb(user: User) -> None:
    user.dvm("init app").succeeds()
    for line, hint in (("app", "dvm sh app"), ("app sync", "dvm sync app"), ("app --x", "dvm sh app")):
        assert user.dvm(line).exits("usage error").err.splitlines()[-1] == f"Run: {hint}"


def test_sh_of_a_stopped_vm_offers_to_start_it_and_opens(user: User, app: Vm) -> None:
    user.dvm("stop app").succeeds()
    refused = user.at_terminal("sh app")
    refused.waits_for("app is stopped. Start it now?")
    refused.types("n")
    refused.ends("check failed").prints("dvm start app")
    shell = user.at_terminal("sh app")
    shell.waits_for("Start it now?")
    shell.types("")
    shell.types("echo in-$((40+2)); exit 5")
    shell.waits_for("in-42")
    shell.ends(5)
    user.dvm("stop app").succeeds()
    user.dvm("sh app").exits("check failed")  # nobody is there to ask


def test_a_line_for_a_shell_is_answered_with_how_it_is_written(user: User, app: Vm) -> None:
    lines = (("pwd; ls",), ("cd /tmp && pwd",), ("cd", "/tmp"), ("echo $HOME | cat",))
    names = (("~/x", "a b"), ("a\tb",))
    for words in (*lines, *names):
        refused = user.dvm("ssh", "app", "--", *words)
        assert refused.code in (126, 127), refused
        hint = refused.err.splitlines()[-1]
        assert hint.startswith("dvm ssh runs one program, without a shell. To use a shell: dvm ssh app -- bash -c ")
        written = shlex.split(hint.partition(": ")[2].replace("$'", "'"))
        assert written[:6] == ["dvm", "ssh", "app", "--", "bash", "-c"]
        if words in lines:
            user.dvm(*written[1:]).succeeds()
    for line in ("true", "bash -c 'exit 127'", "nosuch", "sh -c 'nosuch; nosuch'"):
        user.dvm(f"ssh app -- {line}").never_says("bash -c")
