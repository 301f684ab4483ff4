import type { ListenAddress } from '../shared/listen-address.ts'
import { addressText } from '../shared/listen-address.ts'
import type { InstallPaths } from './paths.ts'
import { USER } from './paths.ts'

/** sysusers.d(5). The home is the state directory: nothing else is ever written. */
export const USERS_TEXT = `u ${USER} - "Provisioner controller" /var/lib/provisioner\n`

/** systemd.socket(5): it stays open while the service restarts, and may be a port below 1024. */
export function socketUnit(listen: ListenAddress, media: ListenAddress | undefined): string {
  return `# Written by "provisioner install". Changes belong into a drop-in: systemctl edit provisioner.socket
[Unit]
Description=Socket of the provisioner controller

[Socket]
# From "listen" of /etc/provisioner/provisioner.yaml; "provisioner install" writes it anew.
ListenStream=${addressText(listen)}
${media === undefined ? '' : `# "media-listen": the service takes the second socket for media alone.\nListenStream=${addressText(media)}\n`}NoDelay=yes
# An address that comes up later than this socket is waited for.
FreeBind=yes

[Install]
WantedBy=sockets.target
`
}

/**
 * systemd.service(5), systemd.exec(5). Left out: MemoryDenyWriteExecute=, which would end V8, and PrivateUsers=, with which the
 * service would not start on hosts that forbid user namespaces.
 */
export function serviceUnit(paths: InstallPaths): string {
  return `# Written by "provisioner install". Changes belong into a drop-in: systemctl edit provisioner.service
[Unit]
Description=Provisioner: bare-metal controller and OCI registry
Requires=provisioner.socket
Wants=network-online.target
After=network-online.target provisioner.socket
StartLimitIntervalSec=60
StartLimitBurst=10

[Service]
Type=notify
# The messages are sent by systemd-notify, a child.
NotifyAccess=all
ExecStart=${paths.binary} serve --config ${paths.config}
ExecReload=/bin/kill -HUP $MAINPID
User=${USER}
Group=${USER}
StateDirectory=provisioner
StateDirectoryMode=0700
RuntimeDirectory=provisioner
RuntimeDirectoryMode=0700
UMask=0077
Restart=always
RestartSec=1
WatchdogSec=60
TimeoutStartSec=180
TimeoutStopSec=45
KillMode=mixed
# Every BMC, every pull and every blob is one.
LimitNOFILE=65536

CapabilityBoundingSet=
AmbientCapabilities=
NoNewPrivileges=yes
LockPersonality=yes
PrivateDevices=yes
PrivateTmp=yes
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`
}
