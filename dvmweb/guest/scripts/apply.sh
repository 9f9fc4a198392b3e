#!/usr/bin/env bash
# Runs one recipe and its probe, then records in the guest that it is applied.
# In: DVM_RECIPE, DVM_RECIPE_HASH, DVM_PROBE_SECONDS (time limit of the probe); files recipe.sh, _lib.sh, probe (if the
# recipe has one) and bash_dvm.sh (for a recipe of bash DVM) in the same folder.
# Out: the recipe's exit code; 69 if the demo cannot run it; 1 if the probe fails; 75 if the probe timed out, which does
# not make the recipe run again.
set -euo pipefail
export DVM_LIB=$PWD/_lib.sh
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

[[ $DVM_RECIPE =~ ^[a-z][a-z0-9]*(-[a-z0-9]+)*$ && $DVM_RECIPE_HASH =~ ^[0-9a-f]{64}$ ]] ||
  die "DVM_RECIPE or DVM_RECIPE_HASH is invalid"
record=$dvm_root/var/lib/dvm/recipes/$DVM_RECIPE

# finish RESULT: records the result with the time.
finish() { root_record "$record" "$DVM_RECIPE_HASH $1 $(date +%s)"; }

not_run_here() {
  finish not-run
  exit 69
}

# ssh uses 255 for a lost connection, and 75 is ours (above): if a recipe ends with one of them, it becomes 1.
fail() {
  printf 'error: %s\n' "$2" >&2
  case $1 in 75 | 255) exit 1 ;; esac
  exit "$1"
}

# A recipe that fails is not applied, even if it was before.
if [ -e "$record" ] || [ -L "$record" ]; then
  as_root rm -f -- "$record" || die "could not remove $record as root; check that 'sudo -n true' works in the guest"
fi

code=0
if [ -f bash_dvm.sh ]; then
  BASH_ENV=$PWD/bash_dvm.sh bash "$PWD/recipe.sh" </dev/null || code=$?
else
  bash ./recipe.sh </dev/null || code=$?
fi
case $code in
0) ;;
69) not_run_here ;;
*) fail "$code" "the recipe $DVM_RECIPE failed (exit code $code); see its output above" ;;
esac

if [ -f probe ]; then
  code=0
  timeout -k 1 "${DVM_PROBE_SECONDS:-60}" bash -l ./probe </dev/null || code=$?
  case $code in
  0) ;;
  69) not_run_here ;;
  124 | 137)
    finish "done"
    printf 'note: the probe of %s timed out, so it is not known whether the recipe works\n' "$DVM_RECIPE" >&2
    exit 75
    ;;
  *) fail 1 "the probe of $DVM_RECIPE failed: $(head -n 1 probe)" ;;
  esac
fi
finish "done"
