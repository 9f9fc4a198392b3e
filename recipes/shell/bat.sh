#!/usr/bin/env bash
# /// recipe
# summary: bat, cat with syntax highlighting
# category: shell
# needs: [baseline]
# probe: bat --version
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_install bat
short_name bat batcat
