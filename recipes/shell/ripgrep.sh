#!/usr/bin/env bash
# /// recipe
# summary: ripgrep, a fast search in files (command rg)
# category: shell
# needs: [baseline]
# probe: rg --version
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_install ripgrep
