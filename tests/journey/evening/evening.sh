#!/usr/bin/env bash
# An evening with dvm, as a script of a user: every answer is read by jq, every exit code is looked at. It needs a `dvm`
# and a `jq` on PATH and a home in which nothing is; it runs on the demo engine and on a real limactl.
set -euo pipefail

step() { printf '\n== %s\n' "$*" >&2; }
# is JSON FILTER: the filter is true of the answer
is() { jq -e "$2" >/dev/null <<<"$1" || { printf 'not so: %s\n%s\n' "$2" "$1" >&2; exit 1; }; }
# ends CODE COMMAND...: it ends with this code
ends() {
    local wanted=$1 code=0
    shift
    "$@" || code=$?
    ((code == wanted)) || { printf 'exit code %s, not %s: %s\n' "$code" "$wanted" "$*" >&2; exit 1; }
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step "an old config of bash DVM comes along"
mkdir -p "$work/old/vms"
printf 'DVM_CPUS=1\n' >"$work/old/config.sh"
printf 'use hello\nif true; then :; fi\n' >"$work/old/vms/legacy.sh"
mkdir "$work/old/recipes"
printf '#!/usr/bin/env bash\necho hello\n' >"$work/old/recipes/hello.sh"
report=$(dvm import "$work/old" --dry-run --json) && code=0 || code=$?
((code == 1))
is "$report" 'any(.file == "vms/legacy.sh" and .line == 2 and .level == "not imported")'
is "$(dvm ls --json)" 'length == 0'

step "a new VM"
dvm doctor --json >"$work/doctor" || true
is "$(cat "$work/doctor")" 'length > 5 and all(.version == 1)'
is "$(dvm recipe ls --json)" 'any(.name == "git")'
recipe=$(dvm recipe new greeting)
recipe=${recipe#Wrote }
cat >"${recipe%%$'\n'*}" <<'RECIPE'
#!/usr/bin/env bash
# /// recipe
# summary: A greeting
# probe: test -e "$HOME/greeting"
# ///
echo hello >"$HOME/greeting"
RECIPE
is "$(dvm recipe check greeting --json)" 'all(.problems == 0)'
dvm init shop --recipe greeting
dvm config set shop cpus 1
is "$(dvm config get shop cpus --json)" '.[0].value == 1'
is "$(dvm config validate --json)" '. == []'
is "$(dvm sync shop --dry-run --json)" 'any(.title == "Create instance" and .state == "run" and (.argv | index("create")))'
dvm sync shop
is "$(dvm ls --json)" '.[0] | .name == "shop" and .status == "Running" and .reachable and .work.verdict == "clean"'
is "$(dvm sync shop --dry-run --json)" 'any(.title == "Recipe greeting" and .state == "skip")'
is "$(dvm diff shop --json)" '. == []'

step "work in it"
dvm ssh shop -- sh -c 'git init -q && git config user.email a@b && git config user.name A'
printf 'one\n' | dvm cp - shop:notes.txt
[[ $(dvm cp shop:notes.txt -) == one ]]
ends 2 dvm cp "$work/doctor" shop:notes.txt
dvm ssh shop -- sh -c 'git add . && git commit -qm "Notes of the evening"'
ends 5 dvm work shop --json >"$work/report"
is "$(cat "$work/report")" '.[0] | .verdict == "unsaved work"'
dvm port shop add 3000
is "$(dvm port shop ls --json)" 'any(.guest_port == 3000)'
dvm port shop rm 3000
is "$(dvm terminals --json)" '. == []'

step "nothing is lost"
ends 5 dvm rm shop --yes
dvm rescue shop "$work/shop.rescue"
[[ -s $work/shop.rescue ]]
is "$(dvm stop shop --json)" '.[0] | .name == "shop" and .result == "done"'
dvm checkpoint shop --note 'end of the evening'
is "$(dvm checkpoint ls --json)" 'length == 1 and .[0].vm == "shop" and .[0].note == "end of the evening"'
dvm clone shop lab
dvm rename lab bench
is "$(dvm ls --json)" 'map(.name) | sort == ["bench", "shop"]'
is "$(dvm start --all --json)" 'length == 2 and all(.result == "done")'
dvm sync bench
[[ $(dvm cp bench:notes.txt -) == one ]]

step "away with it, and back"
dvm protect bench
ends 1 dvm rm bench --yes --force
dvm protect bench --off
dvm rm bench --yes --force
is "$(dvm trash ls --json)" 'length == 1 and .[0].vm == "bench" and .[0].work.verdict == "unsaved work"'
dvm trash restore bench --as lab
dvm sync lab
[[ $(dvm cp lab:notes.txt -) == one ]]
dvm rm lab --yes --force
dvm trash empty lab --yes
is "$(dvm trash ls --json)" '. == []'

step "back to the checkpoint"
dvm ssh shop -- rm notes.txt
ends 5 dvm rewind shop --yes
dvm rewind shop --yes --force
dvm start shop
[[ $(dvm cp shop:notes.txt -) == one ]]
is "$(dvm trash ls --json)" 'length == 1 and .[0].vm == "shop"'
dvm trash empty shop --yes
dvm checkpoint rm "$(dvm checkpoint ls --json | jq -r '.[0].checkpoint')" --yes
is "$(dvm checkpoint ls --json)" '. == []'

step "a new VM from a base"
dvm stop --all
dvm base build greeting
is "$(dvm base ls --json)" 'length == 1 and .[0].recipes[-1].name == "greeting"'
dvm init quick --recipe greeting
is "$(dvm sync quick --dry-run --json)" 'any(.argv | index("clone"))'
dvm sync quick
dvm ssh quick -- test -e ../../greeting
is "$(dvm ls --json)" 'any(.name == "quick" and .reachable)'

step "what happened"
jobs=$(dvm jobs --json)
is "$jobs" 'length > 8 and all(.state != "running")'
last=$(jq -r '.[0].id' <<<"$jobs")
is "$(dvm log "$last" --commands --json)" 'length > 0 and all(.argv[0])'
is "$(dvm stop --all --json)" 'all(.result == "done")'
echo "the evening is over"
