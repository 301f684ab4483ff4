# boot.sh: boots the tools root itself in a container, with our registry and scenario.sh as services of it.
set -euo pipefail
mkdir -p /tmp/upper /tmp/work /m
mount -t overlay -o lowerdir=/in/root,upperdir=/tmp/upper,workdir=/tmp/work overlay /m

units=/m/etc/systemd/system
cat >$units/registry.service <<'UNIT'
[Unit]
FailureAction=poweroff
[Service]
ExecStart=/repository/node /repository/src/main.ts registry --listen 127.0.0.1:5000 --data /var/lib/registry --no-tls
ExecStartPost=/bin/bash -c 'until curl -sf -o /dev/null http://127.0.0.1:5000/v2/; do sleep 0.1; done'
UNIT
cat >$units/scenario.service <<'UNIT'
[Unit]
Requires=registry.service
After=registry.service
SuccessAction=poweroff
FailureAction=poweroff
[Service]
Type=oneshot
TimeoutStartSec=80
ExecStart=/bin/bash -eu /scenario.sh
StandardOutput=file:/t/out
StandardError=file:/t/errors
[Install]
WantedBy=multi-user.target
UNIT
systemctl --quiet --root=/m enable scenario.service
systemctl --quiet --root=/m mask docker-registry nginx containerd

mkdir -p /m/etc/containers/registries.conf.d /m/etc/containers/systemd
printf '[[registry]]\nlocation = "127.0.0.1:5000"\ninsecure = true\n' >/m/etc/containers/registries.conf.d/ours.conf
# An overlay on an overlay is refused by the kernel.
printf '[storage]\ndriver = "vfs"\nrunroot = "/run/containers/storage"\ngraphroot = "/var/lib/containers/storage"\n' \
  >/m/etc/containers/storage.conf
# Without a limit of processes: the machine's cgroups may not offer that controller.
cat >/m/etc/containers/systemd/app.container <<'QUADLET'
[Container]
ContainerName=app
Image=127.0.0.1:5000/site/app:stable
AutoUpdate=registry
Network=host
PidsLimit=0
StopTimeout=1
QUADLET
cp /scenario.sh /m/scenario.sh
# crun sets up the devices of a container with bpf(2), which nspawn refuses by itself.
bash /nspawn.sh /m --bind=/t --bind-ro=/repository --system-call-filter=bpf
