# boot.sh: boots a Debian as PID 1 of a container, in the tools root, and runs /t/story.sh in it. It has a network namespace of
# its own and memory for everything it writes; /t is the only thing it shares. (test/assets/boot/boot.sh is its elder sister.)
set -euo pipefail
mkdir -p /tmp/upper /tmp/work /m
mount -t overlay -o lowerdir=/in/root,upperdir=/tmp/upper,workdir=/tmp/work overlay /m
cat >/m/etc/systemd/system/story.service <<'EOF'
[Service]
Type=oneshot
ExecStart=/bin/bash /t/story.sh
ExecStopPost=/bin/systemctl poweroff --no-block
[Install]
WantedBy=multi-user.target
EOF
systemctl --quiet --root=/m enable story.service
ln -sf /dev/null /m/etc/systemd/system/systemd-networkd-wait-online.service
bash /nspawn.sh /m --bind=/t --bind-ro=/provisioner
