#!/usr/bin/env bash
# /// recipe
# summary: Yazi, a terminal file manager
# category: shell
# needs: [baseline]
# probe: yazi --version && ya --version
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_or_release yazi yazi yazi ya
pkg_install file
