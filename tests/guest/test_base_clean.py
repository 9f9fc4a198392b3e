"""What base_clean.sh refuses: private keys and logins, which every copy of a base would share."""

from __future__ import annotations

import pytest

from tests.guest.conftest import Guest

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n"


def cleaned(guest: Guest, name: str, text: str) -> tuple[int, str]:
    file = guest.home / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    guest.make_demo()
    done = guest.run("base_clean", {"DVM_CODE_DIR": str(guest.home / "code/app")})
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".ssh/deploy", KEY),
        (".ssh/keys/.old", f"\n{KEY}"),
        (".git-credentials", "https://u:p@host"),
        (".config/git/credentials", "https://u:p@host"),
        (".netrc", "machine host password x"),
        (".config/gh/hosts.yml", "github.com: {oauth_token: x}"),
        (".docker/config.json", '{"auths": {"host": {"auth": "x"}}}'),
        (".npmrc", "//registry.npmjs.org/:_authToken=x"),
        (".pypirc", "[pypi]"),
        (".aws/credentials", "[default]"),
        (".config/gcloud/credentials.db", "x"),
        (".kube/config", "users: []"),
    ],
)
def test_a_guest_with_a_key_or_a_login_is_no_base(guest: Guest, name: str, text: str) -> None:
    code, said = cleaned(guest, name, text)
    assert code == 1
    assert f"{guest.home / name} has a private key or a login, and a base must not contain one" in said


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".ssh/authorized_keys", "ssh-ed25519 AAAA me"),
        (".ssh/config", "Host *"),
        (".docker/config.json", '{"auths": {}}'),
        (".npmrc", "always-auth=false\nprefix=~/.npm"),
        (".netrc", ""),
    ],
)
def test_what_holds_none_is_no_reason(guest: Guest, name: str, text: str) -> None:
    assert cleaned(guest, name, text) == (0, "")
