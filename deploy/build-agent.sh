#!/usr/bin/env bash
# Builds everything that an agent is installed from, into dist/agent:
#
#   deploy/build-agent.sh VERSION [KIND...]     such as 0.5.0
#
# KIND is deb, rpm, tar, zip or msi; without one it is all of them. Beside the
# packages it writes the installers (install.sh, install.ps1), one bill of
# materials for each system (CycloneDX) and SHA256SUMS.
#
# Needs Go and git (or SOURCE_DATE_EPOCH), Debian's zip for zip, wixl and
# msitools for msi. The same sources, Go and SOURCE_DATE_EPOCH give the same bytes.
# Environment:
#
#   OUT                folder for the results; default: dist/agent beside the sources
#   SOURCE_DATE_EPOCH  Unix time of all files; default: that of the last commit
#   ARCHS              which of amd64, arm64 and arm to pack for Linux; default: all
#   MAINTAINER         default: Picket maintainers <maintainers@picket.example>
#   HOMEPAGE           default: https://picket.example
set -euo pipefail
cd "$(dirname "$0")"

version=${1:-}
if ! [[ $version =~ ^[0-9]+(\.[0-9]+){0,2}(~[a-z0-9]+)?$ ]]; then
  echo "build-agent.sh: '$version' is no version that every kind of package takes" >&2
  echo "  usage: deploy/build-agent.sh VERSION [deb|rpm|tar|zip|msi...], such as 0.5.0 or 0.6.0~rc1" >&2
  exit 2
fi
shift
kinds=" ${*:-deb rpm tar zip msi} "
for kind in $kinds; do
  case $kind in
  deb | rpm | tar | zip | msi) ;;
  *) echo "build-agent.sh: unknown kind '$kind': deb, rpm, tar, zip or msi" >&2; exit 2 ;;
  esac
done
wanted() { case $kinds in *" $1 "*) ;; *) return 1 ;; esac; }

export VERSION=$version
export MAINTAINER=${MAINTAINER:-Picket maintainers <maintainers@picket.example>}
export HOMEPAGE=${HOMEPAGE:-https://picket.example}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export GOWORK=off LC_ALL=C TZ=UTC
umask 022

out=${OUT:-../dist/agent}
mkdir -p "$out"
out=$(cd "$out" && pwd)
rm -f "$out"/picket-agent[_-]* "$out"/install.sh "$out"/install.ps1 "$out"/SHA256SUMS
work=$(mktemp -d)
running=()
trap 'wait; rm -rf "$work"' EXIT
# Tools are built for this machine, whatever the package is for.
nfpm=$(cd module && CGO_ENABLED=0 GOOS= GOARCH= go tool -n nfpm)
cyclonedx=$(cd module && CGO_ENABLED=0 GOOS= GOARCH= go tool -n cyclonedx-gomod)

# beside COMMAND runs it beside the others, as many at once as there are processors.
beside() {
  [ ${#running[@]} -lt "$(getconf _NPROCESSORS_ONLN)" ] || settle
  "$@" &
  running+=($!)
}

# settle waits for the oldest of them; if that failed, so does all.
settle() {
  local oldest=${running[0]}
  running=("${running[@]:1}")
  wait "$oldest"
}

same_time() { find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +; }

# quietly COMMAND shows what it says only if it fails.
quietly() {
  local said
  said=$("$@" 2>&1) || { printf '%s\n' "$said" >&2; return 1; }
}

# program GOOS GOARCH FILE builds the agent.
program() {
  (cd .. && CGO_ENABLED=0 GOOS=$1 GOARCH=$2 GOARM=7 go build -trimpath -buildvcs=false \
    -ldflags="-s -w -X main.version=$version" -o "$3" ./cmd/picket-agent)
}

# bill PROGRAM SYSTEM writes what is linked into a program.
bill() {
  quietly "$cyclonedx" bin -json -noserial -version "$version" -output "$work/bill-$2.json" "$1"
  sed "s/\"timestamp\": \"[^\"]*\"/\"timestamp\": \"$(date -u -d "@$SOURCE_DATE_EPOCH" +%FT%TZ)\"/" "$work/bill-$2.json" \
    >"$out/picket-agent_${version}_$2.cdx.json"
}

# tarball PROGRAM SYSTEM ARCH
tarball() {
  local name=picket-agent_${version}_$2_$3
  mkdir -p "$work/$name"
  cp "$1" ../LICENSE "../docs/install/$([ "$2" = darwin ] && echo macos || echo linux).md" ../docs/network.md "$work/$name/"
  cp install.sh "$work/$name/install.sh"
  tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=ustar \
    -C "$work" -cf - "$name" | gzip -9n >"$out/$name.tar.gz"
}

# linux GOARCH packs for one kind of processor.
linux() {
  export STAGE=$work/linux-$1 ARCH=$1
  [ "$1" != arm ] || ARCH=arm7
  mkdir "$STAGE"
  program linux "$1" "$STAGE/picket-agent"
  gzip -9n <../CHANGELOG.md >"$STAGE/CHANGELOG.md.gz"
  sed 's,/usr/bin/picket,/usr/bin/picket-agent,g' debian/copyright >"$STAGE/copyright"
  same_time "$STAGE"
  for packager in deb rpm; do
    if wanted $packager; then quietly "$nfpm" package --config agent/nfpm.yaml --packager $packager --target "$out/"; fi
  done
  if wanted tar; then tarball "$STAGE/picket-agent" linux "${ARCH/arm7/armv7}"; fi
  if [ "$1" = amd64 ]; then bill "$STAGE/picket-agent" linux; fi
}

# darwin GOARCH
darwin() {
  program darwin "$1" "$work/darwin-$1/picket-agent"
  tarball "$work/darwin-$1/picket-agent" darwin "$1"
  if [ "$1" = arm64 ]; then bill "$work/darwin-$1/picket-agent" darwin; fi
}

windows() {
  local dir=$work/windows name=picket-agent_${version}_windows_amd64
  program windows amd64 "$dir/picket-agent.exe"
  bill "$dir/picket-agent.exe" windows
  if wanted zip; then
    mkdir "$work/$name"
    cp "$dir/picket-agent.exe" install.ps1 ../LICENSE ../docs/install/windows.md ../docs/network.md "$work/$name/"
    same_time "$work/$name"
    (cd "$work" && find "$name" -type f | sort | zip -X -9 -q "$out/$name.zip" -@)
  fi
  if wanted msi; then
    cp agent/picket-agent.wxs "$dir/"
    same_time "$dir"
    quietly agent/build-msi.sh "$dir" "$out/picket-agent_${version}_x64.msi"
  fi
}

if wanted deb || wanted rpm || wanted tar; then
  for arch in ${ARCHS:-amd64 arm64 arm}; do beside linux "$arch"; done
fi
if wanted tar; then
  for arch in amd64 arm64; do beside darwin $arch; done
fi
if wanted zip || wanted msi; then beside windows; fi
while [ ${#running[@]} -gt 0 ]; do settle; done

cp install.sh install.ps1 "$out/"
same_time "$out"
(cd "$out" && sha256sum picket-agent* install.sh install.ps1 >SHA256SUMS && touch -d "@$SOURCE_DATE_EPOCH" SHA256SUMS)
(cd "$out" && ls -1)
