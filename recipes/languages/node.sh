#!/usr/bin/env bash
# /// recipe
# summary: Node.js with npm, pnpm and Yarn
# category: language
# needs: [baseline]
# params:
#   corepack_version:
#     label: Corepack version
#     default: "0.34.0"
#     help: "Version on npm, or latest; at most 0.33.0 if Node.js is older than 20"
# probe: node --version && npm --version && corepack --version
# moving: true
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

pkg_install nodejs npm
not_in_demo "install Corepack from npm"

# Debian 12 has Node.js 18; 0.33.0 is the last Corepack for it.
version=$DVM_COREPACK_VERSION
node_version=$(node --version)
if [[ $node_version =~ ^v1[0-9]\. && $version =~ ^(latest|0\.3[4-9]|0\.[4-9][0-9]|[1-9]) ]]; then
  say "Using Corepack 0.33.0: $version needs Node.js 20, and this is $node_version"
  version=0.33.0
fi

current=""
if have corepack; then current=$(corepack --version </dev/null 2>/dev/null) || current=""; fi
if [ "$version" = latest ] || [ "$current" != "$version" ]; then
  as_root npm install --global --prefix /usr/local --no-fund --no-audit "corepack@$version" </dev/null ||
    die "npm could not install corepack@$version: see its output above. Check the network: npm ping"
fi
as_root corepack enable --install-directory /usr/local/bin </dev/null
