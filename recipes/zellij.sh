#!/usr/bin/env bash
# /// recipe
# summary: zellij, terminals side by side in one window
# category: shell
# needs: [baseline]
# probe: zellij --version
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

# Neither family has a package yet, and building needs a new Rust.
if pkg_try zellij; then
  release_remove zellij zellij
elif ! cargo_install zellij 0.43.1 1.84 zellij; then
  release_install zellij zellij
fi
