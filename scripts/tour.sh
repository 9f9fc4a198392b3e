#!/bin/sh
# Shows the main job on the demo engine, in a temporary home: create a VM, sync it, work in it, delete it safely.
# Called by `make tour`. It changes nothing of yours and leaves nothing behind.
set -u

top=$(cd "$(dirname "$0")/.." && pwd)
bin=${DVM_TOUR_BIN:-$top/.venv/bin}
# A short path, because an ssh socket below it must fit, and macOS has a long TMPDIR.
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
        "$bin/dvm" rm "$vm" --now --yes --force </dev/null >/dev/null 2>&1 ||
            LIMA_HOME=$lima "$bin/python" -I -m dvmweb.demo limactl delete -f "dvm-$vm" </dev/null >/dev/null 2>&1
    fi
    # A guest can have folders that are not readable.
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

# step EXPECTED-EXIT-CODE ARGUMENT...: print the command and run it; return 1 if it ends with another code
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

# The arguments as a user would type them
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
    echo "Either dvmweb or this host has a fault; the lines above show what happened." >&2
    exit 1
}

must() {
    step "$@" || stop_here
}

say "dvmweb: the main job on the demo engine. The demo shows how dvm works and is not a security boundary; real VMs need Lima."

say "1. Write a config: what you want of the VM, as plain YAML."
must 0 init "$vm" --recipe git
echo "Without the comments, which show every default:"
grep -v '^ *#' "$home/.config/dvm/demo/vms/$vm.yaml" | grep .

say "2. Show what a sync would do. Nothing is changed."
must 0 sync "$vm" --dry-run

say "3. Sync: create the VM, start it and bring it to its config. The demo marks the steps that it skips."
if ! step 0 sync "$vm"; then
    grep -q 'no guests' "$errors" || stop_here
    say "Left out here: the demo has no guests on this host (see above), so there is no shell and nothing to check."
    must 0 ls
    say "Deleted again with --force: without a guest, the check for unsaved work cannot run."
    must 0 rm "$vm" --now --yes --force
    exit 0
fi

say "4. Sync again: with nothing to do it makes one call to the engine and asks the guest once."
must 0 sync "$vm"
job=$("$bin/dvm" jobs </dev/null | awk 'NR == 2 { print $1 }')
must 0 log "$job" --commands

say "5. Run a command in the VM. (\`dvm sh $vm\` opens a shell.)"
must 0 ssh "$vm" -- sh -c 'hostname; id -un; pwd'

say "6. Work in it: make a commit that is not pushed anywhere."
must 0 ssh "$vm" -- sh -c 'git init -q hello && cd hello && echo "print(1)" > hello.py && git add . &&
    git -c user.name=Tour -c user.email=tour@example.invalid commit -qm "My first work" && git log --oneline'

say "7. Check for unsaved work. (Exit code 5: there is some.)"
must 5 work "$vm"

say "8. Delete the VM: refused, because the commit would be lost."
must 5 rm "$vm" --yes
must 0 ls

say "9. Delete it anyway, with --force."
must 0 rm "$vm" --now --yes --force
must 0 ls

say "That was the whole job, in $(($(date +%s) - began)) s. With Lima installed, the same commands make real VMs. The command is $bin/dvm. \`make run\` opens the dashboard, which does all of this in the browser."
