"""A secret is asked for before it is needed, reaches the script that takes it, and is left nowhere else."""

from __future__ import annotations

import pytest

from tests.journey.driver import User

pytestmark = pytest.mark.usefixtures("guests_work")
CANARY = "canary-5e8d1f0a"
TAKES = "params:\n  token: {label: Token, secret: true}"
TAKER = """read -r value <"$DVM_TOKEN_FILE"
[ "$(stat -c %a "$DVM_TOKEN_FILE")" = 600 ] || exit 9
echo "it has ${#value} characters"
exit 5"""
KEEPS = "params:\n  token: {label: Token, secret: kept}\n  colour: {label: Colour}\nprobe: test -s ~/kept"
KEEPER = """given=${DVM_TOKEN_FILE:-}
[ -n "$given" ] || [ -s ~/kept ] || exit 76
[ -z "$given" ] || cp "$given" ~/kept"""


def test_g06_a_secret_is_asked_for_before_any_recipe_runs_and_reaches_nothing_but_the_script(user: User) -> None:
    user.has_recipe("taker", TAKER, TAKES)
    user.vm("app").has_config("baseline: false\nrecipes: [taker]\n")
    user.dvm("sync app").exits("usage error").warns("--secret token=-").prints("not run  Recipe taker")
    synced = user.dvm("sync app --secret token=-", typed=CANARY + "\n")
    synced.fails().warns("it has 15 characters").never_says(CANARY)
    files = [path for path in user.home.home.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []
    user.dvm(f"sync app --secret token={CANARY}").exits("usage error")
    user.dvm("sync app --secret nosuch=-", typed="x").exits("usage error")


def test_a_secret_that_the_guest_keeps_is_asked_for_once(user: User) -> None:
    user.has_recipe("keeper", KEEPER, KEEPS)
    app = user.vm("app").has_config("baseline: false\nrecipes: [keeper]\n")
    asked = user.dvm("sync app").exits("usage error")
    asked.warns("Recipe `keeper` needs a secret: token.", "dvm sync app --secret token=-")
    user.dvm("sync app --secret token=-", typed=CANARY).succeeds()
    app.has_config("baseline: false\nrecipes: [keeper]\nparams: {keeper: {colour: red}}\n")
    user.dvm("sync app").succeeds().prints("done     Recipe keeper")


@pytest.mark.slow
def test_on_a_terminal_each_recipe_asks_for_its_own_secret(user: User) -> None:
    for name, secret in (("one", "key"), ("two", "token")):
        header = f"params:\n  {secret}: {{label: Secret, secret: true}}\nprobe: test -s ~/{name}"
        user.has_recipe(name, f'cp "$DVM_{secret.upper()}_FILE" ~/{name}', header)
    app = user.vm("app").has_config("baseline: false\nrecipes: [one, two]\n")
    syncing = user.at_terminal("sync app")
    syncing.waits_for("Secret key: ")
    syncing.types("of one")
    syncing.waits_for("Secret token: ")  # the first one is given again by itself
    syncing.types("of two")
    syncing.ends("ok")
    assert app.runs("cat ~/one ~/two") == "of oneof two"
