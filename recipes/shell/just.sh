#!/usr/bin/env bash
# /// recipe
# summary: just, a command runner for projects
# category: shell
# needs: [baseline]
# probe: just --version
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

PATH="$HOME/.local/bin:$PATH"
if ! pkg_try just && ! have just; then
  # Debian 12 has no package; the authors also publish the program on PyPI.
  not_in_demo "install just from PyPI"
  pkg_install pipx
  pipx install --force rust-just </dev/null ||
    die "pipx could not install rust-just: see its output above. Check that the guest can reach https://pypi.org"
fi
