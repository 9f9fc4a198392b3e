#!/usr/bin/env bash
# /// recipe
# summary: Rust from the distribution, with cargo, rustfmt and clippy
# category: language
# needs: [baseline]
# probe: rustc --version && cargo --version && cargo clippy --version && cargo fmt --version
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_install cargo rustfmt gcc fedora:rust fedora:clippy debian:rustc debian:rust-clippy
