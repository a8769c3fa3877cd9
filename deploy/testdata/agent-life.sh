# The life of the agent's Debian package, in an overlay over this machine's root.
# $1 folder that build-agent.sh made, $2 its version, $3 command that prints a new
# join token, $4 command that says how many agents are connected. Runs in a mount namespace of its own,
# which takes every mount with it; whatever it starts ends with it.
fail() { echo "FAILED: $*"; [ ! -e "$root/var/log/picket-agent.journal" ] || tail -n 30 "$root/var/log/picket-agent.journal"; exit 1; }
# until COMMAND holds, at most a minute.
until_true() {
	n=0
	while ! "$@" >/dev/null 2>&1; do
		n=$((n + 1))
		[ $n -lt 300 ] || fail "not within a minute: $*"
		sleep 0.2
	done
}

top=$(mktemp -d)
root=$top/root
cleanup() {
	cd /
	[ ! -e "$root/run/picket-agent.pid" ] || kill -KILL "$(cat "$root/run/picket-agent.pid")" 2>/dev/null || true
	umount -R -l "$top" 2>/dev/null || true
	rmdir "$top"
}
trap cleanup EXIT
mount -t tmpfs -o mode=0755 tmpfs "$top"
mkdir "$top/upper" "$top/work" "$root"
mount -t overlay -o "lowerdir=/,upperdir=$top/upper,workdir=$top/work" overlay "$root"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
# Never this machine's systemd, and nothing of an earlier agent.
rm -rf "$root/run/systemd" "$root/var/lib/picket-agent" "$root/etc/default/picket-agent"
mkdir -p "$root/tmp/packages" "$root/run/systemd/system" "$root/media"
rm -f "$root/usr/bin/systemctl"
cp testdata/systemctl "$root/usr/bin/systemctl"
cp "$1"/* "$root/tmp/packages/"
inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root chroot "$root" "$@"; }
journal() { cat "$root/var/log/picket-agent.journal"; }
runs_as() { ps -o user= -p "$(cat "$root/run/picket-agent.pid")"; }
state=$root/var/lib/picket-agent
quiet() { "$@" >"$top/log" 2>&1 || { cat "$top/log"; fail "$*"; }; }

echo "-- a package that was changed on the way is refused"
cp -r "$root/tmp/packages" "$root/tmp/changed"
for deb in "$root"/tmp/changed/*.deb; do printf x >>"$deb"; done
if inside sh /tmp/changed/install.sh >"$top/log" 2>&1; then fail "it was installed"; fi
grep -q "is not what SHA256SUMS says; nothing was installed" "$top/log" || { cat "$top/log"; fail "it does not say why"; }
[ ! -e "$root/usr/bin/picket-agent" ] || fail "something was installed"
if inside sh /tmp/packages/install.sh --sums 00 >"$top/log" 2>&1; then fail "other sums were taken"; fi
if inside setpriv --reuid 65534 --clear-groups sh /tmp/packages/install.sh >"$top/log" 2>&1; then fail "anybody may install"; fi
grep -q E109 "$top/log" || { cat "$top/log"; fail "E109 is missing"; }

echo "-- one line installs, joins and starts"
token=$($3)
quiet env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin PICKET_TOKEN="$token" chroot "$root" sh /tmp/packages/install.sh
grep -q '^Enrolled' "$top/log" || { cat "$top/log"; fail "it does not say that it joined"; }
grep -q '^Service    started' "$top/log" || { cat "$top/log"; fail "it does not say that it runs"; }
case $(inside picket-agent --version) in *"$2"*) ;; *) fail "another version runs" ;; esac
until_true sh -c "[ \"\$($4)\" = 1 ]"
for verb in status doctor "join $($3)"; do
	# shellcheck disable=SC2086
	if inside setpriv --reuid 65534 --clear-groups picket-agent $verb >"$top/log" 2>&1; then fail "anybody may $verb"; fi
	grep -q 'E109 .* runs as a service' "$top/log" || { cat "$top/log"; fail "without rights, $verb does not say whose the agent is"; }
done
inside getent passwd picket-agent | grep -q ':/usr/sbin/nologin$' || fail "no user picket-agent, or one that can log in"
[ "$(inside ps -o user:20= -p "$(cat "$root/run/picket-agent.pid")" | tr -d ' ')" = picket-agent ] || fail "it runs as $(runs_as)"
grep -q '^CapEff:[[:space:]]*0000000000002000$' "/proc/$(cat "$root/run/picket-agent.pid")/status" || fail "it has other rights than to ping: $(grep Cap "/proc/$(cat "$root/run/picket-agent.pid")/status")"
inside picket-agent probe ping 127.0.0.1 >/dev/null || fail "root cannot ping"
quiet inside picket-agent status
quiet inside picket-agent service status

echo "-- no secret lies about"
secret=$(echo "$token" | cut -c 6-40)
if grep -rqF "$secret" "$state" "$root/var/log/picket-agent.journal" "$root/etc/systemd" "$root/usr/lib/systemd/system/picket-agent.service" "$root/var/log/dpkg.log"; then fail "the token was kept"; fi
if tr '\0' ' ' <"/proc/$(cat "$root/run/picket-agent.pid")/cmdline" | grep -q pk1_; then fail "the token is in the list of processes"; fi
if tr '\0' ' ' <"/proc/$(cat "$root/run/picket-agent.pid")/environ" | grep -q pk1_; then fail "the token is in the service's environment"; fi
[ "$(inside stat -c '%U:%G %a' /var/lib/picket-agent)" = "picket-agent:picket-agent 700" ] || fail "state: $(inside stat -c '%U:%G %a' /var/lib/picket-agent)"
[ -z "$(inside find /var/lib/picket-agent -type f -perm /077)" ] || fail "others may read $(inside find /var/lib/picket-agent -type f -perm /077)"
[ -z "$(inside find /var/lib/picket-agent ! -user picket-agent)" ] || fail "not the service's: $(inside find /var/lib/picket-agent ! -user picket-agent)"

echo "-- again: nothing changes"
before=$(cat "$root/run/picket-agent.pid")
quiet env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin PICKET_TOKEN="$token" chroot "$root" sh /tmp/packages/install.sh
grep -q 'Nothing was changed' "$top/log" || { cat "$top/log"; fail "something was changed"; }
quiet inside picket-agent join "$token"
grep -q '^Already enrolled' "$top/log" || { cat "$top/log"; fail "it joined again"; }
[ "$(cat "$root/run/picket-agent.pid")" = "$before" ] || fail "it was restarted"

echo "-- restart says goodbye and comes back"
quiet inside picket-agent service restart
[ "$(cat "$root/run/picket-agent.pid")" != "$before" ] || fail "the same process runs"
journal | grep -q 'agent has stopped; what was not delivered is kept' || fail "it did not end cleanly"
if journal | grep -q '^killed'; then fail "it did not end in time"; fi
until_true sh -c "[ \"\$($4)\" = 1 ]"

echo "-- upgrade over itself"
before=$(cat "$root/run/picket-agent.pid")
agent=$(sha256sum <"$state/agent.key")
quiet inside sh -c 'dpkg --install /tmp/packages/*_$(dpkg --print-architecture).deb'
[ "$(cat "$root/run/picket-agent.pid")" != "$before" ] || fail "the old program runs on"
[ "$(sha256sum <"$state/agent.key")" = "$agent" ] || fail "the identity was lost"
until_true sh -c "[ \"\$($4)\" = 1 ]"
quiet inside sh /tmp/packages/install.sh --repair --proxy http://user:hidden@127.0.0.1:3128
[ "$(inside stat -c '%U %a' /etc/default/picket-agent)" = "root 600" ] || fail "settings: $(inside stat -c '%U %a' /etc/default/picket-agent)"
if grep -q hidden "$top/log"; then fail "a password was printed"; fi
quiet inside picket-agent service set PICKET_PROXY=
quiet inside picket-agent service restart
until_true sh -c "[ \"\$($4)\" = 1 ]"

echo "-- the package's service is not for the program to remove"
if inside picket-agent service uninstall >"$top/log" 2>&1; then fail "it was removed"; fi
grep -q 'apt purge picket-agent' "$top/log" || { cat "$top/log"; fail "it does not say how"; }

echo "-- remove keeps the identity, purge does not"
quiet inside dpkg --remove picket-agent
[ ! -e "$root/usr/bin/picket-agent" ] || fail "the program stayed"
[ ! -e "$root/run/picket-agent.pid" ] || fail "it still runs"
[ -e "$state/agent.key" ] || fail "removal took the identity"
quiet inside sh /tmp/packages/install.sh
until_true sh -c "[ \"\$($4)\" = 1 ]"
[ "$(sha256sum <"$state/agent.key")" = "$agent" ] || fail "it came back as another"
quiet inside sh /tmp/packages/install.sh --uninstall
for left in /var/lib/picket-agent /etc/default/picket-agent /usr/bin/picket-agent /usr/lib/systemd/system/picket-agent.service; do
	[ ! -e "$root$left" ] || fail "purge left $left"
done
if inside getent passwd picket-agent >/dev/null; then fail "purge left the user"; fi
[ -z "$(find "$root/etc/systemd" -name 'picket-agent*')" ] || fail "purge left the service enabled"

echo "-- without a package: the archive and service install"
mkdir "$root/tmp/archive"
tar -C "$root/tmp/archive" --strip-components=1 -xzf "$(ls "$root"/tmp/packages/*_linux_"$(dpkg --print-architecture)".tar.gz)"
quiet inside /tmp/archive/picket-agent service install
grep -q 'has not joined yet' "$top/log" || { cat "$top/log"; fail "it does not say what is missing"; }
[ "$(inside stat -c '%U %a' /usr/bin/picket-agent)" = "root 755" ] || fail "program: $(inside stat -c '%U %a' /usr/bin/picket-agent)"
quiet env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin PICKET_TOKEN="$($3)" chroot "$root" picket-agent join
until_true sh -c "[ \"\$($4)\" = 1 ]" # the earlier one has left
quiet inside picket-agent service stop
if inside picket-agent service status >"$top/log"; then fail "it says that it runs"; fi
quiet inside picket-agent service start
quiet inside /tmp/archive/picket-agent service install # repair
quiet inside picket-agent service status
quiet inside picket-agent service uninstall --keep-state
[ -e "$state/agent.key" ] || fail "the identity was to stay"
quiet inside /tmp/archive/picket-agent service install
quiet inside picket-agent service status
quiet inside picket-agent service uninstall
for left in /var/lib/picket-agent /etc/default/picket-agent /usr/bin/picket-agent /etc/systemd/system/picket-agent.service; do
	[ ! -e "$root$left" ] || fail "uninstall left $left"
done
if inside getent passwd picket-agent >/dev/null; then fail "uninstall left the user"; fi
echo "the life is over"
