#!/usr/bin/env bash
# /// recipe
# summary: chezmoi, and your dotfiles from a repository
# category: dotfiles
# needs: [baseline]
# params:
#   chezmoi_repo: {label: Repository, help: "Its address, or a GitHub name; empty: chezmoi is only installed"}
#   chezmoi_role: {label: Role, help: "Templates see these as .role, .name, .email, .signingKey and .deployKey"}
#   chezmoi_name: {label: Name}
#   chezmoi_email: {label: Email}
#   chezmoi_signing_key: {label: Signing key, help: "A path in the guest; empty: ~/.ssh/id_ed25519_dvm_signing.pub"}
#   chezmoi_deploy_key: {label: Deploy key, help: "A path in the guest; empty: ~/.ssh/id_ed25519_dvm.pub"}
#   chezmoi_config_toml: {label: Whole config, help: 'chezmoi.toml itself, in place of the five above; \n ends a line'}
# probe: chezmoi --version
# moving: true
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

PATH="$HOME/.local/bin:$PATH"
if pkg_try chezmoi; then
  release_remove chezmoi chezmoi
elif ! go_install github.com/twpayne/chezmoi/v2 v2.62.2 chezmoi; then
  release_install chezmoi chezmoi
fi

config=~/.config/chezmoi/chezmoi.toml
mark="# Written by dvm's recipe chezmoi; without this line dvm leaves the file alone."

# toml KEY VALUE: one line, whatever VALUE holds.
toml() {
  local value=${2//\\/\\\\}
  value=${value//\"/\\\"}
  printf '%s = "%s"\n' "$1" "${value//$'\n'/\\n}"
}

data() {
  printf '[data]\n'
  if [ -n "$DVM_CHEZMOI_ROLE" ]; then toml role "$DVM_CHEZMOI_ROLE"; fi
  if [ -n "$DVM_CHEZMOI_NAME" ]; then toml name "$DVM_CHEZMOI_NAME"; fi
  if [ -n "$DVM_CHEZMOI_EMAIL" ]; then toml email "$DVM_CHEZMOI_EMAIL"; fi
  toml signingKey "${DVM_CHEZMOI_SIGNING_KEY:-~/.ssh/id_ed25519_dvm_signing.pub}"
  toml deployKey "${DVM_CHEZMOI_DEPLOY_KEY:-~/.ssh/id_ed25519_dvm.pub}"
}

text=""
if [ -n "$DVM_CHEZMOI_CONFIG_TOML" ]; then
  text=${DVM_CHEZMOI_CONFIG_TOML//\\n/$'\n'}
elif [ -n "$DVM_CHEZMOI_ROLE$DVM_CHEZMOI_NAME$DVM_CHEZMOI_EMAIL$DVM_CHEZMOI_SIGNING_KEY$DVM_CHEZMOI_DEPLOY_KEY" ]; then
  text=$(data)
fi
if [ -n "$text" ] && [ -e "$config" ] && ! grep -qxF -e "$mark" -- "$config"; then
  say "$config is yours and stays as it is; remove it to have it written from the params"
elif [ -n "$text" ]; then
  mkdir -p ~/.config/chezmoi
  new=$(mktemp -- "$config.XXXXXX") # readable by the user alone
  printf '%s\n' "$mark" "$text" >"$new" && mv -f -- "$new" "$config"
fi

if [ -z "$DVM_CHEZMOI_REPO" ]; then exit 0; fi
source=~/.local/share/chezmoi
if [ -e "$source/.git" ]; then
  chezmoi git -- pull --ff-only </dev/null ||
    die "the dotfiles in $source could not be brought up to date: git's words stand above; see: chezmoi git status"
elif [ -d "$source" ] && [ -n "$(ls -A -- "$source")" ]; then
  die "$source holds files and is no repository, so nothing was cloned there; move it away and sync again"
else
  chezmoi init -- "$DVM_CHEZMOI_REPO" </dev/null || die "chezmoi could not clone $DVM_CHEZMOI_REPO: see its words above"
fi
chezmoi apply </dev/null || die "chezmoi could not apply all: see its words above, or run 'chezmoi apply' in a terminal"
