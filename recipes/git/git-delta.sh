#!/usr/bin/env bash
# /// recipe
# summary: delta, a pager for Git diffs (used unless you have set another)
# category: git
# needs: [baseline]
# probe: delta --version
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_or_release git-delta git-delta delta
pkg_install git

git config --global --get core.pager >/dev/null || git config --global core.pager delta
git config --global --get interactive.diffFilter >/dev/null ||
  git config --global interactive.diffFilter "delta --color-only"
