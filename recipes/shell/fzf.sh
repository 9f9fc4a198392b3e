#!/usr/bin/env bash
# /// recipe
# summary: fzf, a command-line fuzzy finder
# category: shell
# needs: [baseline]
# probe: fzf --version
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_install fzf
