#!/usr/bin/env bash
# /// recipe
# summary: Zsh as the login shell
# category: shell
# needs: [baseline]
# probe: zsh --version
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_install zsh fedora:shadow-utils debian:passwd

if [ ! -e ~/.zshrc ] && [ ! -L ~/.zshrc ]; then
  cat >~/.zshrc <<'ZSHRC'
typeset -U path
path=(~/.local/bin $path)
HISTFILE=~/.zsh_history HISTSIZE=50000 SAVEHIST=50000
setopt share_history hist_ignore_dups hist_ignore_space interactive_comments
bindkey -e
autoload -Uz compinit && compinit
PROMPT='%n@%m %~ %# '
ZSHRC
fi

user=$(id -un)
zsh=$(command -v zsh)
shell=$(getent passwd "$user" | cut -d : -f 7)
if [ "$shell" != "$zsh" ]; then
  not_in_demo "change the login shell to zsh"
  as_root usermod --shell "$zsh" "$user"
fi
