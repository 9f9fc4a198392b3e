#!/usr/bin/env bash
# Clones the project into the code dir when that is absent or empty; a broken clone leaves nothing behind.
# In: DVM_REPO, DVM_CODE_DIR; file _lib.sh beside it. DVM_CLONE_FILE=1 allows a path, for tests.
# Out: 0 cloned or already there, 3 something else is there, 77 access was refused (git's words above).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. ./_lib.sh
umask 022 # a script of ours runs with 077; what is cloned is for the agents, too

# fail CODE SENTENCE
fail() {
  printf 'error: %s\n' "$2" >&2
  exit "$1"
}

# same_place URL URL: they differ at most in a final slash or .git
same_place() {
  local one=${1%/} two=${2%/}
  [ "${one%.git}" = "${two%.git}" ]
}

if ! have git; then
  not_in_demo "the clone, for which git is missing"
  die "git is missing in this guest; the recipe baseline installs it"
fi

code=$DVM_CODE_DIR
unset -v "${!GIT_@}"
if [ -d "$code/.git" ]; then
  origin=$(git config --no-includes -f "$code/.git/config" --get remote.origin.url) || origin=""
  if same_place "$origin" "$DVM_REPO"; then
    say "$code is already a clone of $DVM_REPO"
    exit 0
  fi
fi
if [ -e "$code" ] || [ -L "$code" ]; then
  first=$(find -H "$code" -mindepth 1 -maxdepth 1 -print -quit) || first=unreadable
  if [ -L "$code" ] || [ ! -d "$code" ] || [ -n "$first" ]; then
    say "$code is there and is not a clone of $DVM_REPO." >&2
    fail 3 "nothing was touched; move it away in the guest, or change repo or code_dir in the config"
  fi
fi

parent=$(dirname -- "$code")
mkdir -p -- "$parent"
new=$(mktemp -d -- "$parent/.dvm-clone.XXXXXX")
trap 'rm -rf -- "$new"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

protocols=https:http:ssh:git
if [ "${DVM_CLONE_FILE:-}" = 1 ]; then protocols+=:file; fi
git_code=0
LC_ALL=C GIT_TERMINAL_PROMPT=0 GIT_ALLOW_PROTOCOL=$protocols \
  GIT_SSH_COMMAND="ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o ConnectTimeout=20" \
  git -c http.lowSpeedLimit=1000 -c http.lowSpeedTime=60 clone -- "$DVM_REPO" "$new/repo" </dev/null 2>&1 |
  tee -- "$new/said" || git_code=$?
if [ "$git_code" -ne 0 ]; then
  refused='permission denied \(|could not read (username|password)|authentication failed|access denied'
  refused+='|repository .*not found|project .*could not be found|returned error: 40[13]'
  if tail -c 4096 -- "$new/said" | grep -aqiE -e "$refused"; then
    fail 77 "access to $DVM_REPO was refused; git's own words stand above"
  fi
  fail 1 "git could not clone $DVM_REPO; its own words stand above"
fi
if [ -d "$code" ]; then rmdir -- "$code"; fi
mv -T -- "$new/repo" "$code"
