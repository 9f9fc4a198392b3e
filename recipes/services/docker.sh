#!/usr/bin/env bash
# /// recipe
# summary: Docker without root (on Fedora, Podman with the docker command)
# category: service
# needs: [baseline]
# probe: docker info
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

user=$(id -un)
[ "$EUID" -ne 0 ] || die "rootless Docker cannot be set up for root; run this recipe as an ordinary user"

if [ "$(os_family)" = fedora ]; then
  pkg_install podman podman-docker
else
  pkg_install docker.io uidmap slirp4netns dbus-user-session iptables kmod
  # On Debian 12 and Ubuntu, other packages contain these two.
  pkg_try rootlesskit || true
  pkg_try docker-cli || true
fi
not_in_demo "set up the user's container service"

# Without lingering, the service stops with the last session.
as_root loginctl enable-linger "$user" || die "loginctl could not enable lingering for $user; see its output above"
export XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$UID}

if [ "$(os_family)" = fedora ]; then
  systemctl --user enable --now podman.socket ||
    die "podman.socket did not start; see: systemctl --user status podman.socket"
  # Without this file, each docker command prints that it is Podman.
  as_root mkdir -p "$dvm_root/etc/containers"
  as_root touch "$dvm_root/etc/containers/nodocker"
  exit 0
fi

# The package starts a daemon that runs as root; it is not needed.
as_root systemctl disable --now docker.service docker.socket ||
  die "could not stop docker.service of the system; see: systemctl status docker.service"
# The package puts its scripts in a folder of their own, where they expect the docker command.
contrib=/usr/share/docker.io/contrib bin=~/.local/lib/dvm/docker
PATH=$bin:$contrib:/usr/sbin:$PATH
have dockerd-rootless-setuptool.sh || die "the package docker.io has no dockerd-rootless-setuptool.sh; install it manually"
if ! systemctl --user is-active --quiet docker.service || ! systemctl --user is-enabled --quiet docker.service; then
  mkdir -p "$bin"
  ln -sfn "$contrib/dockerd-rootless.sh" "$bin/dockerd-rootless.sh"
  ln -sfn /usr/bin/docker "$bin/docker"
  # The setup tool requires this kernel module, and Debian's current iptables does not load it.
  as_root modprobe ip_tables || say "modprobe could not load ip_tables; it may be built into this kernel"
  dockerd-rootless-setuptool.sh install --force </dev/null ||
    die "could not set up rootless Docker: see the output above"
fi
# Docker before 23 does not select this context automatically.
docker context inspect rootless >/dev/null 2>&1 ||
  docker context create rootless --docker "host=unix://$XDG_RUNTIME_DIR/docker.sock"
docker context use rootless
