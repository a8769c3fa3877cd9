#!/bin/sh
# Regenerates the Go code of the .proto files of this directory that are named
# (all of them by default) with the protoc-gen-go that go.mod pins. Needs
# protoc (Debian: protobuf-compiler).
set -eu
cd "$(dirname "$0")"
plugin=$(go tool -n google.golang.org/protobuf/cmd/protoc-gen-go)
[ $# -gt 0 ] || set -- *.proto
cd ..
for name; do
	protoc --plugin=protoc-gen-go="$plugin" --go_out=. --go_opt=paths=source_relative "wire/$name"
done
