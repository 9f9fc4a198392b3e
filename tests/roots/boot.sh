#!/bin/sh
# The first process in the new namespaces of a root: mounts what a guest needs, then becomes its init.
# boot.sh BASE WORK cow|write INIT...   BASE: the Debian tree. WORK: an empty folder, for mounts. `write` changes BASE.
set -eu
base=$1 work=$2 how=$3
shift 3
root=$work/root

mount --make-rprivate /
mount -t tmpfs -o mode=755 dvm-root "$work"
mkdir "$work/upper" "$work/work" "$root"
# The copy lies in memory: it is gone with the namespace, however that ends.
case $how in
cow) mount -t overlay -o "lowerdir=$base,upperdir=$work/upper,workdir=$work/work" overlay "$root" ;;
write) mount --bind "$base" "$root" ;;
esac
mount -t proc -o nosuid,nodev,noexec proc "$root/proc" # nothing over it: else no user could mount one of his own
mount -t sysfs -o nosuid,nodev,noexec,ro sysfs "$root/sys"
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o nosuid,mode=755 tmpfs "$root/dev"
for name in null zero full random urandom tty; do
  if [ -e "/dev/$name" ]; then
    mkdir -p "$(dirname "$root/dev/$name")"
    : >"$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
  fi
done
# Open to users, as udev makes them in a guest: a host without udev leaves its own to root.
mkdir "$root/dev/net"
[ ! -e /dev/fuse ] || mknod -m 666 "$root/dev/fuse" c 10 229
[ ! -e /dev/net/tun ] || mknod -m 666 "$root/dev/net/tun" c 10 200
mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/mqueue"
mount -t devpts -o newinstance,nosuid,noexec,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for pair in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${pair%%:*}" "$root/dev/${pair#*:}"; done
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs "$root/dev/shm"
mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs "$root/run"
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs "$root/tmp"
mkdir -p "$root/mnt/host"
cd "$root"
pivot_root . mnt/host # a chroot would not do: from within one, nobody can make a user namespace
umount -l /mnt/host
rmdir /mnt/host
hostname lima-dvm-app
exec env -i container=dvm-roots PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
