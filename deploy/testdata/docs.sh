# Runs the commands of the pages in docs/install, in an overlay over this machine's
# root: $1 the folder of packages, $2 one with a file for each block, and their
# order in "steps". sudo, systemctl and journalctl are stand-ins there.
fail() { echo "FAILED: $*"; exit 1; }
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
rm -rf "$root/run/systemd" "$root/var/lib/picket-agent" "$root/etc/default/picket-agent"
rm -f "$root/usr/bin/systemctl" "$root/usr/bin/journalctl" "$root/usr/bin/sudo" "$root/var/lib/dpkg/lock-frontend" "$root/var/lib/apt/lists/lock"
mkdir -p "$root/run/systemd/system" "$root/srv/release"
cp testdata/systemctl "$root/usr/bin/systemctl"
printf '#!/bin/sh\ncat /var/log/picket-agent.journal\n' >"$root/usr/bin/journalctl"
printf '#!/bin/sh\nexec env "$@"\n' >"$root/usr/bin/sudo"
chmod +x "$root/usr/bin/journalctl" "$root/usr/bin/sudo"
cp "$1"/* "$2/token" "$root/srv/release/"
inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"; }
quiet() { "$@" >"$top/log" 2>&1 || { cat "$top/log"; fail "$*"; }; }

count=0
while read -r number page how; do
	echo "-- $page, block $number"
	cp "$2/$number" "$root/srv/block"
	case $how in *fresh*) quiet inside sh /srv/release/install.sh --uninstall ;; esac
	if grep -q 'picket-agent run' "$root/srv/block"; then
		# It runs until it is told to end, and then ends well.
		inside sh -c 'command -v picket-agent >/dev/null || dpkg --install /srv/release/picket-agent_*_amd64.deb' >/dev/null
		sed -i 's/picket-agent run/timeout --preserve-status --signal TERM 10 &/; s/timeout \(.*\) 10 picket-agent run/timeout \1 10 picket-agent run/' "$root/srv/block"
	fi
	inside sh -euc 'cd /srv/release; . /srv/block' >"$top/log" 2>&1 </dev/null || { cat "$root/srv/block" "$top/log"; fail "$page, block $number"; }
	case $how in *fresh*)
		[ -e "$root/var/lib/picket-agent/agent.crt" ] || { cat "$top/log"; fail "$page, block $number: it has not joined"; }
		inside picket-agent service status >/dev/null || { cat "$top/log"; fail "$page, block $number: it does not run"; }
		;;
	esac
	if grep -q 'picket-agent run' "$root/srv/block"; then
		grep -q 'event=211' "$top/log" || { cat "$top/log"; fail "it did not reach the server"; }
	fi
	count=$((count + 1))
done <"$2/steps"
echo "$count blocks were run"
