#!/usr/bin/env bash
# /// recipe
# summary: Git with your name and a few defaults
# category: git
# needs: [baseline]
# params:
#   user_name: {label: Name, help: "The author of commits made in this VM; empty: git wants one at the first commit"}
#   user_email: {label: Email, help: "The author's address; empty: git wants one at the first commit"}
# probe: git --version
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_install git

# default KEY VALUE: what the user has set stays.
default() { git config --global --get "$1" >/dev/null || git config --global "$1" "$2"; }

default init.defaultBranch main
default pull.ff only
default push.autoSetupRemote true
default fetch.prune true

if [ -n "$DVM_USER_NAME" ]; then git config --global user.name "$DVM_USER_NAME"; fi
if [ -n "$DVM_USER_EMAIL" ]; then git config --global user.email "$DVM_USER_EMAIL"; fi

if ! git config --global --get user.name >/dev/null || ! git config --global --get user.email >/dev/null; then
  say "no name and e-mail set: git asks at the first commit; set them in the config"
fi
