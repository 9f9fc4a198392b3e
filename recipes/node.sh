#!/usr/bin/env bash
# /// recipe
# summary: Node.js with npm, and pnpm and yarn through Corepack
# category: language
# needs: [baseline]
# params:
#   corepack_version:
#     label: Corepack version
#     default: "0.34.0"
#     help: A version, or latest. With a Node.js older than 20 it is 0.33.0 at most
# probe: node --version && npm --version && corepack --version
# moving: true
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_install nodejs npm
not_in_demo "install of Corepack from npm"

# Debian 12 has Node.js 18, for which 0.33.0 is the last Corepack.
version=$DVM_COREPACK_VERSION
node_version=$(node --version)
if [[ $node_version =~ ^v1[0-9]\. && $version =~ ^(latest|0\.3[4-9]|0\.[4-9][0-9]|[1-9]) ]]; then
  say "Corepack $version needs Node.js 20 and this is $node_version: installing Corepack 0.33.0"
  version=0.33.0
fi

current=""
if have corepack; then current=$(corepack --version </dev/null 2>/dev/null) || current=""; fi
if [ "$version" = latest ] || [ "$current" != "$version" ]; then
  as_root npm install --global --prefix /usr/local --no-fund --no-audit "corepack@$version" </dev/null ||
    die "npm could not install corepack@$version: its own words stand above; see what the guest reaches: npm ping"
fi
as_root corepack enable --install-directory /usr/local/bin </dev/null
