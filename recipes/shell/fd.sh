#!/usr/bin/env bash
# /// recipe
# summary: fd, a simple alternative to find
# category: shell
# needs: [baseline]
# probe: fd --version
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_install fd-find
short_name fd fdfind
