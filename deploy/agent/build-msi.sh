#!/usr/bin/env bash
# Packs the MSI at $2 from the folder $1, which holds picket-agent.exe and
# picket-agent.wxs. build-agent.sh calls it and sets VERSION, HOMEPAGE and
# SOURCE_DATE_EPOCH.
#
# wixl 0.101 writes the time and a random identity into the file, and has no words
# for some cells; both are set afterwards, so that the same input gives the same
# bytes. Product and package are named after the version: the same version twice
# is a repair, another one an upgrade.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

# guid NAME prints an identity made of NAME.
guid() { printf 'picket-agent %s' "$1" | sha256sum | sed -E 's/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/\1-\2-5\3-8\4-\5/' | tr a-f A-F; }

# Windows compares three numbers, and knows no pre-releases.
IFS=. read -r major minor patch <<<"${VERSION%%~*}"
number=$major.${minor:-0}.${patch:-0}
package=$(guid "package $VERSION $SOURCE_DATE_EPOCH")

rm -f "$2"
(cd "$1" && wixl -a x64 -D VERSION="$VERSION" -D MSIVERSION="$number" -D HOMEPAGE="$HOMEPAGE" \
  -D PRODUCT="$(guid "product $VERSION")" -D PACKAGE="$package" -o "$2" picket-agent.wxs)
while IFS= read -r query; do
  case $query in '' | --*) continue ;; esac
  msibuild "$2" -q "$query"
done <"$here/msi-tables.sql"
msibuild "$2" -s "Picket Agent $VERSION" Picket "x64;1033" "{$package}"

# Two times in the summary (property type 64), as Windows counts: 100 ns since 1601.
FILE=$2 perl -e '
  use strict; my $f = $ENV{FILE};
  open(my $h, "+<:raw", $f) or die "$f: $!"; local $/; my $msi = <$h>;
  my $at = index($msi, "\xE0\x85\x9F\xF2\xF9\x4F\x68\x10\xAB\x91\x08\x00\x2B\x27\xB3\xD9");
  die "$f has no summary\n" if $at < 0;
  my $summary = substr($msi, $at, 2048);
  my $time = pack("Q<", ($ENV{SOURCE_DATE_EPOCH} + 11644473600) * 10000000);
  my $n = ($summary =~ s/\x40\x00\x00\x00.{8}/\x40\x00\x00\x00$time/gs);
  die "$f has $n times in its summary instead of 2\n" if $n != 2;
  substr($msi, $at, 2048, $summary);
  seek($h, 0, 0); print $h $msi; close($h) or die "$f: $!";
'
