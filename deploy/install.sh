#!/bin/sh
# Installs the Picket agent on Linux or macOS, joins it, and starts it:
#
#   curl -fsSL https://get.picket.example/install.sh | sudo PICKET_TOKEN=pk1_... sh
#   sudo PICKET_TOKEN=pk1_... sh install.sh --from /media/usb/picket
#
# It may be run again at any time: it changes only what is not as it should be.
#
#   --from PLACE       folder or https URL with the packages and SHA256SUMS
#                      (environment PICKET_FROM; default: where this script is,
#                      else https://get.picket.example)
#   --sums SHA256      what SHA256SUMS itself must hash to (PICKET_SUMS): then not
#                      even the place has to be trusted
#   --proxy URL        way to the Picket server and to PLACE (PICKET_PROXY, which
#                      keeps a password in it out of the list of processes)
#   --repair           install again even if all is well; the identity stays
#   --uninstall        remove everything; with --keep-state the identity stays
#
# The join token comes by PICKET_TOKEN or PICKET_TOKEN_FILE, never by a flag:
# flags are in the list of processes. Exit codes are those of picket-agent.
set -eu

say() { printf '%s\n' "$*"; }
# fail CODE WHAT FIX
fail() {
	printf 'error: %s\n' "$2" >&2
	[ -z "${3:-}" ] || printf '  fix: %s\n' "$3" >&2
	exit "$1"
}
have() { command -v "$1" >/dev/null 2>&1; }

from=${PICKET_FROM:-} sums=${PICKET_SUMS:-} proxy=${PICKET_PROXY:-} todo=install repair= keep=
while [ $# -gt 0 ]; do
	case $1 in
	--from | --sums | --proxy)
		[ $# -gt 1 ] || fail 2 "$1 wants a value" "see the head of this script"
		case $1 in --from) from=$2 ;; --sums) sums=$2 ;; --proxy) proxy=$2 ;; esac
		shift
		;;
	--repair) repair=1 ;;
	--uninstall) todo=uninstall ;;
	--keep-state) keep=1 ;;
	*) fail 2 "unknown option $1" "see the head of this script" ;;
	esac
	shift
done
if [ -z "$from" ]; then
	from=https://get.picket.example
	# Read from a pipe, $0 is the name of the shell, and what lies in the current
	# folder is anybody's.
	case $0 in
	*.sh)
		here=$(dirname "$0")
		if [ -f "$0" ] && [ -f "$here/SHA256SUMS" ]; then from=$here; fi
		;;
	esac
fi

case $(uname -s) in
Linux) os=linux state=/var/lib/picket-agent program=/usr/bin/picket-agent ;;
Darwin) os=darwin state="/Library/Application Support/Picket/agent" program=/usr/local/bin/picket-agent ;;
*) fail 2 "$(uname -s) is not supported by this script" "build from source: go build ./cmd/picket-agent" ;;
esac
case $(uname -m) in
x86_64 | amd64) deb=amd64 rpm=x86_64 tar=amd64 ;;
aarch64 | arm64) deb=arm64 rpm=aarch64 tar=arm64 ;;
armv7* | armv8l) deb=armhf rpm=armv7hl tar=armv7 ;;
*) fail 2 "there is no package for $(uname -m)" "build from source: go build ./cmd/picket-agent" ;;
esac
[ "$(id -u)" = 0 ] || fail 3 "E109 this needs root" "run it with sudo"

# owner says which package manager brought the program, if any did.
owner() {
	if have dpkg-query && dpkg-query -W -f '${db:Status-Status}' picket-agent 2>/dev/null | grep -qx installed; then
		say deb
	elif have rpm && rpm -q picket-agent >/dev/null 2>&1; then
		say rpm
	elif [ -e "$program" ]; then
		say tar
	fi
}

uninstall() {
	case $(owner) in
	deb)
		if [ -n "$keep" ]; then dpkg --remove picket-agent; else dpkg --purge picket-agent; fi
		;;
	rpm)
		rpm --erase picket-agent
		if [ -z "$keep" ]; then
			rm -rf "$state" /etc/default/picket-agent
			userdel picket-agent 2>/dev/null || true
		fi
		;;
	tar) "$program" service uninstall ${keep:+--keep-state} ;;
	*) say "The Picket agent is not installed. Nothing was changed." ;;
	esac
	exit 0
}
[ "$todo" = install ] || uninstall

# through runs a program that takes its proxy from the environment.
through() {
	if [ -n "$proxy" ]; then
		https_proxy=$proxy http_proxy=$proxy no_proxy= NO_PROXY= "$@"
	else
		"$@"
	fi
}

# fetch NAME copies a file of the place into the work folder.
fetch() {
	case $from in
	https://* | http://127.0.0.1:* | http://localhost:*)
		if have curl; then
			through curl -fsSL -o "$work/$1" "$from/$1" || return 1
		elif have wget; then
			through wget -q -O "$work/$1" "$from/$1" || return 1
		else
			fail 6 "neither curl nor wget is installed" "install one, or copy the packages here and use --from FOLDER"
		fi
		;;
	*://*) fail 2 "$from is not an https address" "use https, or a folder" ;;
	*) cp "$from/$1" "$work/$1" || return 1 ;;
	esac
}
hash_of() { if have sha256sum; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1; }

# get PATTERN fetches the one file of SHA256SUMS whose name matches, and checks it
# before anybody looks into it. Its name is in $file.
get() {
	line=$(grep -E "^[0-9a-f]{64}  $1\$" "$work/SHA256SUMS" || true)
	[ -n "$line" ] || fail 2 "there is no package for this machine at $from" "it would match $1"
	[ "$(printf '%s\n' "$line" | wc -l)" -eq 1 ] || fail 2 "$from has more than one version" "leave one"
	file=${line#*  }
	fetch "$file" || fail 5 "cannot get $file from $from" "check the address, the network and --proxy"
	[ "$(hash_of "$work/$file")" = "${line%% *}" ] ||
		fail 7 "$file is not what SHA256SUMS says; nothing was installed" "something changed it on the way; get it anew"
}

joined() { [ -e "$state/agent.crt" ]; }
has_manager() { [ "$os" = darwin ] || [ -d /run/systemd/system ]; }
if [ -z "$repair" ] && [ -x "$program" ] && joined && { ! has_manager || "$program" service status >/dev/null 2>&1; }; then
	say "The Picket agent is installed, has joined and runs. Nothing was changed."
	exit 0
fi

if [ -n "$repair" ] || [ ! -x "$program" ]; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT TERM
	fetch SHA256SUMS || fail 5 "cannot get SHA256SUMS from $from" "check the address, the network and --proxy"
	if [ -n "$sums" ] && [ "$(hash_of "$work/SHA256SUMS")" != "$sums" ]; then
		fail 7 "SHA256SUMS is not the one that --sums names; nothing was installed" "get both anew"
	fi
	if [ "$os" = linux ] && have dpkg; then
		get "picket-agent_[0-9][^_/]*_$deb\\.deb"
		dpkg --install "$work/$file"
	elif [ "$os" = linux ] && have rpm; then
		get "picket-agent-[0-9][^/]*\\.$rpm\\.rpm"
		rpm --upgrade --replacepkgs "$work/$file"
	else
		get "picket-agent_[0-9][^_/]*_${os}_$tar\\.tar\\.gz"
		tar -C "$work" -xzf "$work/$file"
		"$work/${file%.tar.gz}/picket-agent" service install --no-start
	fi
	[ -x "$program" ] || fail 7 "E110 $program went away after it was installed" "a security program took it: exclude $program there, and run this again"
fi
if [ -n "$proxy" ] && has_manager; then
	printf 'PICKET_PROXY=%s\n' "$proxy" | "$program" service set - >/dev/null
fi
if ! joined; then
	if [ -z "${PICKET_TOKEN:-}${PICKET_TOKEN_FILE:-}" ]; then
		say "Next       sudo picket-agent join TOKEN"
		exit 0
	fi
	"$program" join
fi
# A join starts the service; this is for one that was stopped.
if has_manager && ! "$program" service status >/dev/null 2>&1; then
	"$program" service start
fi
