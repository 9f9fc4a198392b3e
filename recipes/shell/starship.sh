#!/usr/bin/env bash
# /// recipe
# summary: Starship, a shell prompt that shows project details (enabled in .bashrc and .zshrc)
# category: shell
# needs: [baseline]
# probe: starship --version
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_or_release starship starship starship

# Only for shells that are set up already. A line that the user removed comes back only when the recipe runs again.
ensure_line ~/.bashrc "eval \"\$(starship init bash)\""
if [ -e ~/.zshrc ]; then ensure_line ~/.zshrc "eval \"\$(starship init zsh)\""; fi
