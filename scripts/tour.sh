#!/bin/sh
# The main job on the demo engine, step by step, in a throwaway home: made, synced, entered, safely deleted.
# `make tour` calls it. It touches nothing of yours and leaves nothing behind.
set -u

top=$(cd "$(dirname "$0")/.." && pwd)
bin=${DVM_TOUR_BIN:-$top/.venv/bin}
# Short on purpose: the path of an ssh socket below it must fit, and macOS has a long TMPDIR.
home=$(mktemp -d /tmp/dvm-tour.XXXXXX) || exit 1
vm=tour
errors=$home/errors

unset DVM_CONFIG_DIR DVM_STATE_DIR DVM_LIMACTL LIMA_HOME XDG_CONFIG_HOME XDG_STATE_HOME
export DVM_ENGINE=demo HOME="$home"
began=$(date +%s)

clean_up() {
    trap - EXIT INT TERM HUP
    lima=$home/.local/state/dvm/demo/lima
    if [ -d "$lima/dvm-$vm" ]; then
        "$bin/dvm" rm "$vm" --yes --force </dev/null >/dev/null 2>&1 ||
            LIMA_HOME=$lima "$bin/python" -I -m dvmweb.demo limactl delete -f "dvm-$vm" </dev/null >/dev/null 2>&1
    fi
    # A guest may have closed folders of its own.
    rm -rf "$home" 2>/dev/null || { chmod -R u+rwX "$home" && rm -rf "$home"; }
}
trap clean_up EXIT
trap 'clean_up; trap - INT; kill -INT $$' INT
trap 'exit 143' TERM HUP

bold='' plain=''
[ -t 1 ] && bold=$(printf '\033[1m') plain=$(printf '\033[0m')
say() {
    printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

# step EXPECTED-EXIT-CODE ARGUMENT...: shows the command, runs it, and stops the tour when it ends otherwise
step() {
    expected=$1
    shift
    printf '$ dvm%s\n' "$(shown "$@")"
    "$bin/dvm" "$@" </dev/null 2>"$errors"
    code=$?
    cat "$errors" >&2
    [ "$code" -eq "$expected" ] && return 0
    [ "$code" -eq 130 ] && exit 130
    return 1
}

# The words as they would be typed
shown() {
    for word; do
        case $word in
            *[!A-Za-z0-9_./:=-]*) printf " '%s'" "$word" ;;
            *) printf ' %s' "$word" ;;
        esac
    done
}

stop_here() {
    echo >&2
    echo "The tour stops: \`dvm\` ended with exit code $code where $expected was expected." >&2
    echo "This is a fault of dvmweb or of this machine; the lines above say what happened." >&2
    exit 1
}

must() {
    step "$@" || stop_here
}

say "dvmweb, the main job on the demo engine. The demo is a toy for looking around and is no boundary: real VMs need Lima."

say "1. Say what you want: a config, plain YAML that you may edit."
must 0 init "$vm" --recipe git
echo "Its lines, without the comments that show every default:"
grep -v '^ *#' "$home/.config/dvm/demo/vms/$vm.yaml" | grep .

say "2. See what a sync would do. Nothing is changed."
must 0 sync "$vm" --dry-run

say "3. Sync: the VM is made, started, and brought to its config. A step that the demo cannot do says so."
if ! step 0 sync "$vm"; then
    grep -q 'no guests' "$errors" || stop_here
    say "Left out here: the demo has no guests on this machine (see above), so there is no shell, no work to look at."
    must 0 ls
    say "Deleted again, by force: without a guest nobody could look whether work would be lost."
    must 0 rm "$vm" --yes --force
    exit 0
fi

say "4. Sync again: nothing to do costs one question to the engine and one to the guest."
must 0 sync "$vm"
job=$("$bin/dvm" jobs </dev/null | awk 'NR == 2 { print $1 }')
must 0 log "$job" --commands

say "5. Enter it. (\`dvm sh $vm\` opens a shell; here one command is run.)"
must 0 ssh "$vm" -- sh -c 'hostname; id -un; pwd'

say "6. Work in it: a commit that is nowhere else."
must 0 ssh "$vm" -- sh -c 'git init -q hello && cd hello && echo "print(1)" > hello.py && git add . &&
    git -c user.name=Tour -c user.email=tour@example.invalid commit -qm "My first work" && git log --oneline'

say "7. What would be lost with this VM? (exit code 5: something)"
must 5 work "$vm"

say "8. Delete it: refused, because the commit would be lost."
must 5 rm "$vm" --yes
must 0 ls

say "9. Delete it all the same: that takes a word more."
must 0 rm "$vm" --yes --force
must 0 ls

say "That was the whole job, in $(($(date +%s) - began)) s. With Lima installed the same commands make real VMs. The command is $bin/dvm; \`make run\` opens the dashboard, where all of this is done in the browser."
