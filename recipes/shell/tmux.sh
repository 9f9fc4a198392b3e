#!/usr/bin/env bash
# /// recipe
# summary: tmux with mouse support, true color and a long history
# category: shell
# needs: [baseline]
# probe: tmux -V
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_install tmux

if [ ! -e ~/.tmux.conf ] && [ ! -L ~/.tmux.conf ] && [ ! -e ~/.config/tmux/tmux.conf ]; then
  cat >~/.tmux.conf <<'CONF'
set -g mouse on
set -g history-limit 50000
set -g escape-time 10
set -g focus-events on
set -g default-terminal "tmux-256color"
set -ga terminal-overrides ",xterm-256color:Tc"
CONF
fi
