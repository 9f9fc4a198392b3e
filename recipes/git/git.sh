#!/usr/bin/env bash
# /// recipe
# summary: Git with your name, email and a few defaults
# category: git
# needs: [baseline]
# params:
#   user_name: {label: Name, help: "Author of commits made in this VM; if empty, Git asks for it at the first commit"}
#   user_email: {label: Email, help: "Email address of the author; if empty, Git asks for it at the first commit"}
# probe: git --version
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_install git

# default KEY VALUE: sets KEY unless the user has set it.
default() { git config --global --get "$1" >/dev/null || git config --global "$1" "$2"; }

default init.defaultBranch main
default pull.ff only
default push.autoSetupRemote true
default fetch.prune true

if [ -n "$DVM_USER_NAME" ]; then git config --global user.name "$DVM_USER_NAME"; fi
if [ -n "$DVM_USER_EMAIL" ]; then git config --global user.email "$DVM_USER_EMAIL"; fi

if ! git config --global --get user.name >/dev/null || ! git config --global --get user.email >/dev/null; then
  say "Name or email is not set: Git asks for it at the first commit. Set user_name and user_email in the config"
fi
