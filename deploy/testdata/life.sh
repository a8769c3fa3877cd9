# The life of the package at $1, version $2, in an overlay over this machine's
# root. Runs in a mount namespace of its own, which takes every mount with it.
fail() { echo "FAILED: $*"; exit 1; }

top=$(mktemp -d)
trap 'cd /; umount -R "$top" 2>/dev/null; rmdir "$top"' EXIT
mount -t tmpfs -o mode=0755 tmpfs "$top"
mkdir "$top/upper" "$top/work" "$top/root"
mount -t overlay -o "lowerdir=/,upperdir=$top/upper,workdir=$top/work" overlay "$top/root"
root=$top/root
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
# Never this machine's systemd, and nothing of an earlier Picket.
rm -rf "$root/run/systemd" "$root/var/lib/picket" "$root/etc/picket"
mkdir -p "$root/tmp"
cp "$1" "$root/tmp/picket.deb"
inside() { PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root chroot "$root" "$@"; }
as_picket() { inside setpriv --reuid picket --regid picket --clear-groups --no-new-privs "$@"; }

echo "-- install"
inside dpkg --install /tmp/picket.deb >"$top/log" 2>&1 || { cat "$top/log"; fail install; }
grep -q 'sudo picket setup' "$top/log" || fail "it does not say what to do next"
case $(inside picket --version) in *"$2"*) ;; *) fail "another version runs" ;; esac
inside getent passwd picket | grep -q ':/usr/sbin/nologin$' || fail "no user picket, or one that can log in"
[ "$(inside stat -c '%U:%G %a' /etc/picket)" = "root:picket 750" ] || fail "/etc/picket: $(inside stat -c '%U:%G %a' /etc/picket)"
[ ! -e "$root/var/lib/picket" ] || fail "there is data before set-up"
[ -z "$(find "$root/etc/systemd" -name 'picket*')" ] || fail "the service was enabled"

echo "-- set up by root"
mkdir -p "$root/var/lib/picket/ca" "$root/etc/picket/secrets"
echo key >"$root/var/lib/picket/ca/root.key"
chmod 0600 "$root/var/lib/picket/ca/root.key"
ln -s /etc/shadow "$root/var/lib/picket/trap"
echo 'listen: 0.0.0.0:4443' >"$root/etc/picket/picket.yaml"
echo secret >"$root/etc/picket/secrets/mail"
chmod 0600 "$root/etc/picket/secrets/mail"
before=$(inside stat -c '%U:%G %a' /etc/shadow)
inside /usr/lib/picket/hand-over
as_picket cat /var/lib/picket/ca/root.key >/dev/null || fail "the service cannot read its key"
as_picket cat /etc/picket/secrets/mail >/dev/null || fail "the service cannot read a secret"
as_picket sh -c 'echo x >/var/lib/picket/new' || fail "the service cannot write its data"
if as_picket sh -c 'echo x >>/etc/picket/picket.yaml' 2>/dev/null; then fail "the service can write its configuration"; fi
[ "$(inside stat -c '%U:%G %a' /etc/shadow)" = "$before" ] || fail "a link was followed"
[ "$(inside stat -c %a /etc/picket/secrets/mail)" = 640 ] || fail "others can read a secret"
as_picket picket config validate /etc/picket/picket.yaml || fail "the configuration is refused"

echo "-- upgrade"
inside dpkg --install /tmp/picket.deb >"$top/log" 2>&1 || { cat "$top/log"; fail upgrade; }
if grep -q 'sudo picket setup' "$top/log"; then fail "an upgrade asks for a set-up"; fi
grep -q 0.0.0.0 "$root/etc/picket/picket.yaml" || fail "the configuration was lost"

echo "-- remove"
inside dpkg --remove picket >"$top/log" 2>&1 || { cat "$top/log"; fail remove; }
[ ! -e "$root/usr/bin/picket" ] || fail "the binary stayed"
[ -e "$root/var/lib/picket/ca/root.key" ] && [ -e "$root/etc/picket/secrets/mail" ] || fail "removal took data or configuration"

echo "-- purge"
inside dpkg --purge picket >"$top/log" 2>&1 || { cat "$top/log"; fail purge; }
[ ! -e "$root/var/lib/picket" ] && [ ! -e "$root/etc/picket" ] || fail "purge left something"
if inside getent passwd picket >/dev/null; then fail "purge left the user"; fi
echo "the life is over"
