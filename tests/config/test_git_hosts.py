"""Where a key is pasted."""

from __future__ import annotations

import pytest

from dvmweb.config.git_hosts import where_to_paste


@pytest.mark.parametrize(
    ("repo", "words"),
    [
        ("git@github.com:me/app.git", "https://github.com/me/app/settings/keys/new"),
        ("ssh://git@github.com/me/app", "https://github.com/me/app/settings/keys/new"),
        ("https://github.com/me/app.git", "set `repo: git@github.com:me/app.git`"),
        ("git@gitlab.com:group/sub/app.git", "https://gitlab.com/group/sub/app/-/settings/repository"),
        ("ssh://git@git.example.org:2222/me/app.git", "git.example.org in the settings of me/app"),
        ("odd", "deploy key"),
    ],
)
def test_each_server_has_its_page(repo: str, words: str) -> None:
    assert words in where_to_paste(repo)
