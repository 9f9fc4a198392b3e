#!/usr/bin/env bash
# /// recipe
# summary: chezmoi, with dotfiles from your repository
# category: dotfiles
# needs: [baseline]
# params:
#   chezmoi_repo: {label: Repository, help: "URL or GitHub user; if empty, chezmoi is only installed"}
#   chezmoi_role: {label: Role, help: ".role in templates"}
#   chezmoi_name: {label: Name, help: ".name in templates"}
#   chezmoi_email: {label: Email, help: ".email in templates"}
#   chezmoi_signing_key: {label: Signing key, help: ".signingKey in templates: a path in the guest; empty for ~/.ssh/id_ed25519_dvm_signing.pub"}
#   chezmoi_deploy_key: {label: Deploy key, help: ".deployKey in templates: a path in the guest; empty for ~/.ssh/id_ed25519_dvm.pub"}
#   chezmoi_config_toml: {label: Full config, help: 'Content of chezmoi.toml, instead of the five params above; \n for a line break'}
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
mark="# Written by dvm's recipe chezmoi; without this line dvm leaves the file alone." # earlier versions wrote the same line

# toml KEY VALUE: prints one line of TOML, with VALUE escaped.
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
  say "$config was not written by dvm and was not changed. To write it from the params, remove it and sync again"
elif [ -n "$text" ]; then
  mkdir -p ~/.config/chezmoi
  new=$(mktemp -- "$config.XXXXXX") # readable by the user alone
  printf '%s\n' "$mark" "$text" >"$new" && mv -f -- "$new" "$config"
fi

if [ -z "$DVM_CHEZMOI_REPO" ]; then exit 0; fi
source=~/.local/share/chezmoi
if [ -e "$source/.git" ]; then
  chezmoi git -- pull --ff-only </dev/null ||
    die "could not update the dotfiles in $source: see git's output above, and: chezmoi git status"
elif [ -d "$source" ] && [ -n "$(ls -A -- "$source")" ]; then
  die "$source has files but is not a repository, so nothing was cloned; move it away and sync again"
else
  chezmoi init -- "$DVM_CHEZMOI_REPO" </dev/null || die "chezmoi could not clone $DVM_CHEZMOI_REPO: see its output above"
fi
chezmoi apply </dev/null ||
  die "chezmoi could not apply all files: see its output above, or run 'chezmoi apply' in a terminal"
