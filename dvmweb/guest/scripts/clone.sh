#!/usr/bin/env bash
# Clones the project into the code folder if that is missing or empty; a failed clone leaves nothing behind.
# In: DVM_REPO, DVM_CODE_DIR; file _lib.sh in the same folder. DVM_CLONE_FILE=1 allows a path, for tests.
# Out: 0 cloned, or already a clone; 3 the folder has something else; 77 access denied (see Git's output).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. ./_lib.sh
umask 022 # our scripts run with 077, but agents must be able to read the clone

# fail CODE MESSAGE
fail() {
  printf 'error: %s\n' "$2" >&2
  exit "$1"
}

# same_place URL URL: succeeds if they differ at most in a final slash or .git
same_place() {
  local one=${1%/} two=${2%/}
  [ "${one%.git}" = "${two%.git}" ]
}

if ! have git; then
  not_in_demo "clone the repository, but git is not installed"
  die "git is not installed in this guest; the recipe baseline installs it"
fi

code=$DVM_CODE_DIR
unset -v "${!GIT_@}"
if [ -d "$code/.git" ]; then
  # An agent can write there: a pipe in place of the file must not block the sync.
  origin=$(timeout -k 1 5 git config --no-includes -f "$code/.git/config" --get remote.origin.url </dev/null) || origin=""
  if same_place "$origin" "$DVM_REPO"; then
    say "$code is already a clone of $DVM_REPO"
    exit 0
  fi
fi
if [ -e "$code" ] || [ -L "$code" ]; then
  first=$(find -H "$code" -mindepth 1 -maxdepth 1 -print -quit) || first=unreadable
  if [ -L "$code" ] || [ ! -d "$code" ] || [ -n "$first" ]; then
    say "$code exists and is not a clone of $DVM_REPO." >&2
    fail 3 "nothing was changed; move it away in the guest, or change repo or code_dir in the config"
  fi
fi

parent=$(dirname -- "$code")
mkdir -p -- "$parent"
# Remove what a killed clone left; only one job at a time runs in a VM.
find "$parent" -mindepth 1 -maxdepth 1 -name '.dvm-clone.??????' -type d -user "$EUID" -exec rm -rf -- {} + || true
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
    fail 77 "access to $DVM_REPO was denied; see Git's output above"
  fi
  fail 1 "git could not clone $DVM_REPO; see its output above"
fi
if [ -d "$code" ]; then rmdir -- "$code"; fi
mv -T -- "$new/repo" "$code"
