#!/usr/bin/env bash
# /// recipe
# summary: What every VM has (git, curl, ssh, tar, sudo), and the walls for agents
# category: base
# probe: type git curl tar ssh less sudo bwrap setfacl
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

mkdir -p ~/.local/bin ~/.config ~/code

# Debian's .profile and Fedora's .bashrc know ~/.local/bin; a guest from elsewhere may not.
# shellcheck disable=SC2016  # the inner bash expands these
if ! bash -lc 'case ":$PATH:" in *":$HOME/.local/bin:"*) ;; *) exit 1 ;; esac' </dev/null >/dev/null 2>&1; then
  profile=~/.profile
  for file in ~/.bash_login ~/.bash_profile; do
    if [ -e "$file" ]; then profile=$file; fi
  done
  # shellcheck disable=SC2016
  ensure_line "$profile" 'PATH="$HOME/.local/bin:$PATH"'
fi

pkg_install git curl ca-certificates tar less sudo acl bubblewrap fedora:openssh-clients debian:openssh-client
