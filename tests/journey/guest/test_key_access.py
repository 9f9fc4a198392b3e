"""`dvm ssh-key --test` with a demo guest: each result has a sentence, an exit code and what to do."""

from __future__ import annotations

from tests.journey.driver import User, Vm
from tests.needs import needs


@needs("ssh", "ssh-keygen")
def test_the_key_of_a_vm_is_tested_with_the_repository_of_its_config(user: User, app: Vm) -> None:
    user.dvm("ssh-key app --test").fails("The config has no repository", "Set `repo` in the config.")
    before = app.config.read_text()
    app.has_config(f"{before}\nrepo: https://github.com/me/app\n")
    user.dvm("ssh-key app --test").fails("a test would prove nothing", "repo: git@github.com:me/app.git")
    app.has_config(f"{before}\nrepo: ssh://git@127.0.0.1:1/me/app.git\n")
    user.dvm("ssh-key app --test").exits("check failed", "127.0.0.1 cannot be reached from app.", "Connection refused")
    user.dvm("ssh-key app --test").never_says("accepts the key")
    user.dvm("stop app").succeeds()
    user.dvm("ssh-key app --test").exits("check failed", "dvm start app")


def test_a_vm_without_a_key_or_config_is_not_tested(user: User) -> None:
    user.dvm("ssh-key none --test").exits("not found")
    user.dvm("init gate --kind tailscale").succeeds()
    user.dvm("ssh-key gate --test").exits("not found", "gate has no SSH key")
