#!/usr/bin/env bash
# Builds dist/picket_VERSION_ARCH.deb:
#
#   deploy/build-deb.sh VERSION [ARCH]      such as 0.3.0 arm64
#
# Needs Go and git, or SOURCE_DATE_EPOCH instead of git. The same sources, Go and
# SOURCE_DATE_EPOCH give the same bytes. Environment:
#
#   OUT                folder for the package; default: dist beside the sources
#   BINARY             a picket that was built already; default: build one
#   SOURCE_DATE_EPOCH  Unix time of all files; default: that of the last commit
#   MAINTAINER         default: Picket maintainers <maintainers@picket.example>
#   HOMEPAGE           default: https://picket.example
set -euo pipefail
cd "$(dirname "$0")"

version=${1:-}
export ARCH=${2:-$(go env GOARCH)}
if ! [[ $version =~ ^[0-9][A-Za-z0-9.+~]*$ ]]; then
  echo "build-deb.sh: '$version' is no Debian version: digits first, then letters, digits and . + ~" >&2
  echo "  usage: deploy/build-deb.sh VERSION [ARCH], such as 0.3.0 or 0.4.0~rc1" >&2
  exit 2
fi
case $ARCH in
amd64 | arm64 | arm) ;;
*) echo "build-deb.sh: unknown architecture '$ARCH': amd64, arm64 or arm" >&2; exit 2 ;;
esac
export VERSION=$version
export MAINTAINER=${MAINTAINER:-Picket maintainers <maintainers@picket.example>}
export HOMEPAGE=${HOMEPAGE:-https://picket.example}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export GOWORK=off

out=${OUT:-../dist}
mkdir -p "$out"
out=$(cd "$out" && pwd)
STAGE=$(mktemp -d)
export STAGE
trap 'rm -rf "$STAGE"' EXIT

if [ -n "${BINARY:-}" ]; then
  cp "$BINARY" "$STAGE/picket"
else
  (cd .. && CGO_ENABLED=0 GOOS=linux GOARCH=$ARCH GOARM=7 go build -trimpath -buildvcs=false \
    -ldflags="-s -w -X main.version=$version" -o "$STAGE/picket" ./cmd/picket)
fi
gzip -9n <../CHANGELOG.md >"$STAGE/CHANGELOG.md.gz"
find "$STAGE" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

# The tool itself is built for this machine, whatever the package is for.
nfpm=$(cd module && CGO_ENABLED=0 GOOS= GOARCH= go tool -n nfpm)
"$nfpm" package --config nfpm.yaml --packager deb --target "$out/" >"$STAGE/log" || { cat "$STAGE/log" >&2; exit 1; }
deb_arch=$ARCH
[ "$ARCH" != arm ] || deb_arch=armhf
file=$out/picket_${version}_$deb_arch.deb
[ -e "$file" ] || { echo "build-deb.sh: nfpm made something else:" >&2; cat "$STAGE/log" >&2; exit 1; }
echo "$file"
