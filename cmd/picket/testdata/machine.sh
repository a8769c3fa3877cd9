#!/bin/sh
# machine.sh ROOT COMMAND [ARGUMENT]... runs a command as on a machine of its own:
# with the program, the state directory, the name, the machine-id and the DNS
# server that are in ROOT. It wants mount and UTS namespaces of its own, which
# end with the command, and leaves nothing behind.
set -eu
root=$1
shift
mount -t overlay -o "ro,lowerdir=$root/../program:/usr/bin" none /usr/bin
mount -t overlay -o "ro,lowerdir=$root/lib:/var/lib" none /var/lib
mount --bind "$root/state" /var/lib/picket-agent
for file in machine-id resolv.conf; do
	[ ! -e "/etc/$file" ] || mount --bind "$root/$file" "/etc/$file"
done
[ ! -d /run/systemd/system ] || mount -t tmpfs none /run/systemd # no manager here
hostname "$(cat "$root/name")"
exec "$@"
