#!/usr/bin/env bash
# /// recipe
# summary: starship, a prompt that knows the project; begun in .bashrc and .zshrc
# category: shell
# needs: [baseline]
# probe: starship --version
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_or_release starship starship starship

# The shells that are there already; a line that the user has taken out comes back only with a changed recipe.
ensure_line ~/.bashrc "eval \"\$(starship init bash)\""
if [ -e ~/.zshrc ]; then ensure_line ~/.zshrc "eval \"\$(starship init zsh)\""; fi
