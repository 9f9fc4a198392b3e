#!/usr/bin/env bash
# /// recipe
# summary: just, a runner of project commands
# category: shell
# needs: [baseline]
# probe: just --version
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

PATH="$HOME/.local/bin:$PATH"
if ! pkg_try just && ! have just; then
  # Debian 12 has none; the makers publish the built program on PyPI, too.
  not_in_demo "install of just from PyPI"
  pkg_install pipx
  pipx install --force rust-just </dev/null ||
    die "pipx could not install rust-just: its own words stand above; see that the guest reaches https://pypi.org"
fi
