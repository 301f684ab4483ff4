# enter.sh ROOT SCRATCH CWD CGROUP DEVICES BINDS… -- COMMAND…: runs a command in a root, inside a private mount namespace
# (the caller has made it with unshare). Every step is an exec in the end, so the caller's child process is the command.
#
# The root is never changed: it is the lower layer of an overlay in memory. /run, /tmp and /dev are the command's own, so
# a systemd or systemd-tmpfiles started in here cannot empty the host's.
set -eu
root=$1 scratch=$2 cwd=$3 cgroup=$4 devices=$5
shift 5

mount -t tmpfs -o mode=0755,size=75% lab "$scratch"
mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
mount -t overlay -o "lowerdir=$root,upperdir=$scratch/upper,workdir=$scratch/work" lab "$scratch/root"
at=$scratch/root
mount -t proc proc "$at/proc"
mount -t tmpfs -o mode=0755 run "$at/run"
mount -t tmpfs -o mode=1777,size=75% tmp "$at/tmp"
if mount -t sysfs -o ro sys "$at/sys" 2>/dev/null; then
  [ "$cgroup" = no ] || mount -t cgroup2 cgroup2 "$at/sys/fs/cgroup"
fi

if [ "$devices" = host ]; then
  mount --rbind /dev "$at/dev"
else
  mount -t tmpfs -o mode=0755 dev "$at/dev"
  for node in null zero full random urandom tty kvm fuse net/tun; do
    [ -e "/dev/$node" ] || continue
    mkdir -p "$(dirname "$at/dev/$node")"
    : >"$at/dev/$node"
    mount --bind "/dev/$node" "$at/dev/$node"
  done
  mkdir "$at/dev/pts" "$at/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666 devpts "$at/dev/pts"
  ln -s pts/ptmx "$at/dev/ptmx"
  ln -s /proc/self/fd "$at/dev/fd"
  ln -s fd/0 "$at/dev/stdin"
  ln -s fd/1 "$at/dev/stdout"
  ln -s fd/2 "$at/dev/stderr"
  mount -t tmpfs -o mode=1777 shm "$at/dev/shm"
fi

# Binds come as three arguments each: ro|rw, host path, path inside.
while [ "$1" != -- ]; do
  inside=$at$3
  if [ -d "$2" ]; then mkdir -p "$inside"; else mkdir -p "$(dirname "$inside")"; [ -e "$inside" ] || : >"$inside"; fi
  mount --rbind "$2" "$inside"
  [ "$1" = rw ] || mount -o remount,bind,ro "$inside"
  shift 3
done
shift

# Names are looked up as on the host; the network namespace is the host's unless the caller has made another.
[ ! -e /etc/resolv.conf ] || { rm -f "$at/etc/resolv.conf"; cat /etc/resolv.conf >"$at/etc/resolv.conf"; }
exec chroot "$at" env -C "$cwd" "$@"
