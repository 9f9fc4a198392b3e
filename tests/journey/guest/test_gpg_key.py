"""`dvm gpg-key` with a demo guest: the public half on stdout, where to add it, and Git that signs."""

from __future__ import annotations

from tests.journey.driver import User, Vm
from tests.needs import needs


@needs("gpg")
def test_a_commit_of_the_guest_is_signed_by_the_key_that_was_printed(user: User, app: Vm) -> None:
    user.dvm("gpg-key app").fails("Git in app has no name of the author.", "--name")
    user.dvm("gpg-key", "app", "--name", "Ann").fails("no e-mail address of the author", "--email")
    made = user.dvm("gpg-key", "app", "--name", "Ann", "--email", "ann@example.org").succeeds()
    made.warns("Created: ", "for ann@example.org", "under GPG keys", "dvm gpg-key app --sign")
    assert made.out.startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----\n")
    signs = user.dvm("gpg-key", "app", "--name", "Ann", "--email", "ann@example.org", "--sign").succeeds()
    signs.warns("Found: ", "Git in app signs commits and tags with it.")
    assert signs.out == made.out
    app.runs("git init -q; git commit -q --allow-empty -m one")
    assert app.runs("git log -1 --format='%G? %ce'") == "G ann@example.org\n"
    user.dvm("stop app").succeeds()
    user.dvm("gpg-key app").exits("check failed", "dvm start app")


def test_a_name_or_address_that_gpg_would_read_otherwise_is_refused(user: User) -> None:
    user.dvm("init app").succeeds()
    for words in (("--name", "A <x@y>"), ("--name", "a\nb"), ("--email", "ann"), ("--email", "a@b> <c@d")):
        user.dvm("gpg-key", "app", *words).exits("usage error")
    user.dvm("gpg-key none").exits("not found")
