#!/usr/bin/env bash
# /// recipe
# summary: Basic tools for every VM (git, curl, ssh, tar, sudo, bubblewrap)
# category: base
# probe: type git curl tar ssh less sudo bwrap setfacl
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

mkdir -p ~/.local/bin ~/.config ~/code

# Debian and Fedora put ~/.local/bin on the PATH; another distribution may not.
# shellcheck disable=SC2016  # the inner bash expands these
if ! bash -lc 'case ":$PATH:" in *":$HOME/.local/bin:"*) ;; *) exit 1 ;; esac' </dev/null >/dev/null 2>&1; then
  profile=~/.profile
  for file in ~/.bash_login ~/.bash_profile; do
    if [ -e "$file" ]; then profile=$file; fi
  done
  # shellcheck disable=SC2016
  ensure_line "$profile" 'PATH="$HOME/.local/bin:$PATH"'
fi

# In every login shell, Debian's cloud images check the locale, which dvm's connections never set. In a small guest that
# takes 0.1 s. This file is cloud-init's switch for it.
if [ -e "$dvm_root/etc/profile.d/Z99-cloud-locale-test.sh" ] && [ -d "$dvm_root/var/lib/cloud/instance" ]; then
  as_root touch "$dvm_root/var/lib/cloud/instance/locale-check.skip"
fi

pkg_install git curl ca-certificates tar less sudo acl bubblewrap fedora:openssh-clients debian:openssh-client
