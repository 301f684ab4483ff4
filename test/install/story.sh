# story.sh: an administrator installs, breaks, upgrades and removes the controller. What happens goes to files of /t/out,
# which the test reads; nothing is judged here.
cd /t/out
config=/etc/provisioner/provisioner.yaml
show() { systemctl show -P "$1" provisioner.service; }
get() { curl --silent --insecure --max-time 10 "https://127.0.0.1:8443$1"; }

/provisioner install --dry-run >dry-run 2>&1
test -e /usr/local/bin/provisioner && echo there >dry-run-did
/provisioner install >install 2>&1
echo $? >install-code
if [ "$(cat install-code)" != 0 ]; then
  journalctl --no-pager -u provisioner.service -o cat >journal
  systemctl --no-pager status provisioner.service >>journal
  exit 1
fi
show ActiveState >active
get /readyz >readyz
get /healthz >healthz
test -s /var/lib/provisioner/admin-token && echo yes >token
stat -c '%U %a' /var/lib/provisioner /var/lib/provisioner/keys/master.key $config >modes
systemd-analyze verify /etc/systemd/system/provisioner.service /etc/systemd/system/provisioner.socket >verify 2>&1
systemd-analyze security --no-pager provisioner.service 2>/dev/null | tail -n 1 >security
show LimitNOFILE >limit

/provisioner backup create /root/backup --config-file $config >backup 2>&1
/provisioner backup verify /root/backup >backup-verify 2>&1

pid=$(show MainPID)
kill -9 "$pid"
# The socket takes connections all the while.
get /healthz >after-kill
show NRestarts >restarts
[ "$(show MainPID)" != "$pid" ] && show ActiveState >active-after-kill

# Somebody asks all the time, while it is restarted three times.
(while [ ! -e stop ]; do curl --silent --insecure --max-time 20 --output /dev/null --write-out '%{http_code}\n' https://127.0.0.1:8443/healthz; done >asked) &
for _ in 1 2 3; do systemctl restart provisioner.service; done
touch stop
wait

echo 'log-level: debug' >>$config
systemctl reload provisioner.service
for _ in $(seq 50); do journalctl -u provisioner.service -o cat | grep -q 'configuration read again' && break; sleep 0.1; done
journalctl -u provisioner.service -o cat | grep 'configuration read again' >reload

systemctl stop provisioner.service
/provisioner keys rotate >rotate 2>&1
stat -c '%U %a' /var/lib/provisioner/keys/master.key >rotated-key
systemctl start provisioner.service 2>>rotate
show ActiveState >active-after-rotate
get /healthz >after-rotate

/provisioner install >again 2>&1
grep -c '^log-level: debug$' $config >kept
cp /provisioner /root/newer
printf ' ' >>/root/newer
/root/newer install >upgrade 2>&1
cmp /root/newer /usr/local/bin/provisioner && cmp /provisioner /usr/local/bin/provisioner.previous && echo yes >upgraded
get /healthz >after-upgrade

sed -i 's/^#listen: .*/listen: 127.0.0.1:443/; s/^#media-listen: .*/media-listen: 127.0.0.1:80/' $config
/provisioner install >moved 2>&1
curl --silent --max-time 10 http://127.0.0.1/media/none/task.iso >port-80
curl --silent --max-time 10 --output /dev/null --write-out '%{http_code}' http://127.0.0.1/healthz >port-80-else
curl --silent --insecure --max-time 10 https://127.0.0.1/healthz >port-443
ps -o user= -p "$(show MainPID)" >user

/usr/local/bin/provisioner uninstall >uninstall 2>&1
ls -d $config /var/lib/provisioner/controller.db >kept-data 2>&1
/provisioner install >reinstall 2>&1
curl --silent --insecure --max-time 10 https://127.0.0.1/healthz >after-reinstall
# As "uninstall" advises: purged by what is left of it.
/usr/local/bin/provisioner uninstall >purge 2>&1
/provisioner uninstall --purge >>purge 2>&1
find / -xdev -not -path '/root/*' -not -path /provisioner -not -path '/t/*' -not -path '/proc/*' -not -path '/run/log/*' -not -path '/var/log/*' -name '*provisioner*' >left
getent passwd provisioner >left-user
journalctl -u provisioner.service -o cat >journal
echo done >done
