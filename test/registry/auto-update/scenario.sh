# scenario.sh: what happens on the machine; each line it prints is looked at by the test.
image() {
  mkdir -p /image/bin
  cp /bin/busybox /image/bin/
  tar -C /image -cf /image.tar .
  podman import --quiet --change 'CMD ["/bin/busybox", "sleep", "1000"]' --change "LABEL version=$1" /image.tar made >/dev/null
  podman push --quiet localhost/made docker://127.0.0.1:5000/site/app:stable
  # What runs has to come from the registry.
  podman rmi localhost/made >/dev/null
}
app() { podman inspect --format '{{.State.Status}} {{.Config.Labels.version}}' app; }
update() { podman auto-update --format '{{.Unit}} {{.Updated}}' "$@" 2>/dev/null; }

image one
systemctl start app.service || { journalctl --no-pager -u app.service >&2; exit 1; }
app
echo "nothing new: $(update --dry-run)"

image two
echo "dry run: $(update --dry-run)"
app
echo "update: $(update)"
app
podman inspect --format '{{.ImageDigest}}' app
curl -sI http://127.0.0.1:5000/v2/site/app/manifests/stable | tr -d '\r' | sed -n 's/^docker-content-digest: //Ip'
