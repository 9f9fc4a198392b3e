#!/usr/bin/env bash
# /// recipe
# summary: direnv, environment variables per folder (enabled in .bashrc and .zshrc)
# category: shell
# needs: [baseline]
# probe: direnv version
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_install direnv

ensure_line ~/.bashrc "eval \"\$(direnv hook bash)\""
if [ -e ~/.zshrc ]; then ensure_line ~/.zshrc "eval \"\$(direnv hook zsh)\""; fi
