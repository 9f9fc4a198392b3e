"""A clone that the server refuses: the page says why, its button leads to the key, and a retry goes on."""

from __future__ import annotations

import pytest

from tests.browser.driver.job import JobPage
from tests.browser.driver.user import User

pytestmark = [pytest.mark.usefixtures("guests_work"), pytest.mark.xdist_group("shared dashboard")]

# A server in the guest itself, behind a stand-in for ssh, so that no network is needed.
SERVER = r"""
mkdir -p ~/bin ~/server; cd ~/server
git init -q --bare app.git; git -C app.git symbolic-ref HEAD refs/heads/main
git clone -q app.git w 2>/dev/null; cd w; git config user.email a@b; git config user.name A
git checkout -q -b main; echo x > f; git add f; git commit -qm one; git push -q origin main; cd; rm -r server/w
printf '%s\n' '#!/bin/bash' 'echo "git@github.com: Permission denied (publickey)." >&2; exit 255' > bin/ssh
chmod +x bin/ssh; printf '%s\n' 'PATH=$HOME/bin:$PATH' >> ~/.bash_profile
"""
ADDED = r"""printf '%s\n' '#!/bin/bash' 'cd; exec bash -c "${!#}"' > ~/bin/ssh"""  # the key was added


def test_a_clone_that_is_refused_leads_to_the_key_and_goes_on(user: User) -> None:
    user.new_vm("closed").save_and_sync().succeeds()
    user.home.guest("closed", SERVER)
    user.edits("closed").type(repo="git@github.com:server/app.git").save()
    user.vm("closed").sync()
    job = JobPage(user.window).fails()
    address = user.window.page.url

    job.failure.shows("Cloning failed: github.com does not accept the SSH key of closed.", "Permission denied")
    user.window.press("Show the SSH key", "#next-key")
    user.sees("ssh-ed25519", "Deploy keys on GitHub")

    user.home.guest("closed", ADDED)  # what the user does at GitHub
    user.window.page.goto(address)
    job.failure.shows("Retry checks each step again and skips what is done.")
    job.run_again().succeeds().has_done("Clone git@github.com:server/app.git")
    assert user.home.guest("closed", "cat ~/code/closed/f").strip() == "x"
