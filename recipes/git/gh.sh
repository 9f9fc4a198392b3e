#!/usr/bin/env bash
# /// recipe
# summary: gh, the GitHub CLI
# category: git
# needs: [baseline]
# probe: gh --version
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_install gh
