#!/usr/bin/env bash
# /// recipe
# summary: lazygit, a terminal UI for Git
# category: git
# needs: [baseline]
# probe: lazygit --version
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_or_release lazygit lazygit lazygit
