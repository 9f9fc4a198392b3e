#!/usr/bin/env bash
# Runs one recipe and its probe, then notes in the guest that it is applied.
# In: DVM_RECIPE, DVM_RECIPE_HASH; files recipe.sh, _lib.sh and, where the recipe has one, probe beside it; _bash_dvm.sh
# for a recipe that was made for bash DVM.
# Out: the recipe's own exit code; 69 when the demo cannot run it; 1 when the probe fails.
set -euo pipefail
export DVM_LIB=$PWD/_lib.sh
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

[[ $DVM_RECIPE =~ ^[a-z][a-z0-9]*(-[a-z0-9]+)*$ && $DVM_RECIPE_HASH =~ ^[0-9a-f]{64}$ ]] ||
  die "DVM_RECIPE or DVM_RECIPE_HASH is not what dvm sends"
record=$dvm_root/var/lib/dvm/recipes/$DVM_RECIPE

# finish RESULT: notes the result with the time.
finish() { root_record "$record" "$DVM_RECIPE_HASH $1 $(date +%s)"; }

not_run_here() {
  finish not-run
  exit 69
}

# ssh uses 255 for a lost connection, so a recipe's own 255 becomes 1.
fail() {
  printf 'error: %s\n' "$2" >&2
  if [ "$1" -eq 255 ]; then exit 1; fi
  exit "$1"
}

# What fails half-way is no longer applied, whatever was noted before.
if [ -e "$record" ] || [ -L "$record" ]; then
  as_root rm -f -- "$record" || die "could not remove $record as root; see that 'sudo -n true' works in the guest"
fi

code=0
if [ -f _bash_dvm.sh ]; then
  BASH_ENV=$PWD/_bash_dvm.sh bash "$PWD/recipe.sh" </dev/null || code=$?
else
  bash ./recipe.sh </dev/null || code=$?
fi
case $code in
0) ;;
69) not_run_here ;;
*) fail "$code" "the recipe $DVM_RECIPE ended with exit code $code; its last words stand above" ;;
esac

if [ -f probe ]; then
  code=0
  timeout -k 1 60 bash -l ./probe </dev/null || code=$?
  case $code in
  0) ;;
  69) not_run_here ;;
  *) fail 1 "the probe of $DVM_RECIPE failed: $(head -n 1 probe)" ;;
  esac
fi
finish "done"
