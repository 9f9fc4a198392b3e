#!/usr/bin/env bash
# Runs probes in one login shell, each in its own process, so that no probe changes the shell of another.
# In: the names of probes; files probe-NAME in the same folder. Out: the file `probed`, a line "NAME CODE" for each.
unset -f id locale # state.sh exports these for the login shell's profile only
set +eu
cd -- "${0%/*}" || exit
for name; do
  {
    (
      set --
      # shellcheck disable=SC1090
      . "./probe-$name"
    ) </dev/null >/dev/null 2>&1
    printf '%s %s\n' "$name" "$?" >>probed
  } &
done
wait
