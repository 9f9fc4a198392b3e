#!/usr/bin/env bash
# /// recipe
# summary: Go from the distribution
# category: language
# needs: [baseline]
# probe: go version
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_install fedora:golang debian:golang-go
