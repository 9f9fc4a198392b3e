#!/usr/bin/env bash
# /// recipe
# summary: Helix, a modal editor with language server support
# category: editor
# needs: [baseline]
# probe: hx --version
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_or_release helix 'fedora:helix debian:hx' hx
