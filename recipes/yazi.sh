#!/usr/bin/env bash
# /// recipe
# summary: yazi, a file manager in the terminal
# category: shell
# needs: [baseline]
# probe: yazi --version && ya --version
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_or_release yazi yazi yazi ya
pkg_install file
