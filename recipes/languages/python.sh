#!/usr/bin/env bash
# /// recipe
# summary: Python with venv, pip and uv
# category: language
# needs: [baseline]
# params:
#   uv_version: {label: uv version, default: "", help: "Version on PyPI; empty for Fedora's package, on Debian the latest on PyPI"}
# probe: python3 -c 'import venv, ensurepip' && uv --version
# moving: true
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_install python3 fedora:python3-pip debian:python3-pip debian:python3-venv

# uv_is VERSION: succeeds if that uv is installed, or any uv if VERSION is empty. uv prints "uv 0.9.1 (...)".
uv_is() {
  local said
  said=$(uv --version 2>/dev/null) || return 1
  if [ -n "$1" ]; then [[ "$said " == "uv $1 "* ]]; fi
}

PATH="$HOME/.local/bin:$PATH"
if [ -z "$DVM_UV_VERSION" ] && [ "$(os_family)" = fedora ]; then
  pkg_install uv
elif [ -n "$DVM_UV_VERSION" ] && uv_is "$DVM_UV_VERSION"; then
  say "uv $DVM_UV_VERSION is already installed"
else
  # Debian has no package of uv, and its pip installs nothing outside of a venv; pipx makes one.
  not_in_demo "install uv from PyPI"
  pkg_install pipx
  if [ -z "$DVM_UV_VERSION" ] && uv_is ""; then
    pipx upgrade uv </dev/null || say "uv was not installed with pipx and was not upgraded"
  else
    pipx install --force "uv${DVM_UV_VERSION:+==$DVM_UV_VERSION}" </dev/null ||
      die "pipx could not install uv: see its output above. Check that the guest can reach https://pypi.org"
  fi
fi
