#!/usr/bin/env bash
# /// recipe
# summary: Zellij, a terminal multiplexer
# category: shell
# needs: [baseline]
# probe: zellij --version
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

# Neither Fedora nor Debian has a package yet, and a build needs a recent Rust.
if pkg_try zellij; then
  release_remove zellij zellij
elif ! cargo_install zellij 0.43.1 1.84 zellij; then
  release_install zellij zellij
fi
