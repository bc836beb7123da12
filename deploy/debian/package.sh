#!/usr/bin/env bash
# Builds the Debian package from an existing release binary, and prints its path.
#
# The binary prints the completions; the documents are those of this checkout.
set -euo pipefail
cd "$(dirname "$0")/../.."

binary=${CARGO_TARGET_DIR:-target}/release/pegel
[ -x "$binary" ] || { echo "package: no $binary; build it first (make build)" >&2; exit 1; }

# So that the same commit gives the same package.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}

stage=target/package # as the assets in Cargo.toml have it
rm -rf "$stage"
mkdir -p "$stage/completions" "$stage/doc"
"$binary" completions bash >"$stage/completions/pegel.bash"
"$binary" completions zsh >"$stage/completions/_pegel"
"$binary" completions fish >"$stage/completions/pegel.fish"

cp README.md CHANGELOG.md SECURITY.md LICENSE-MIT deploy/proxmox.md deploy/libvirt-table.sh "$stage/doc/"
for folder in systemd prometheus grafana runbooks; do
  if [ -d "deploy/$folder" ]; then cp -r "deploy/$folder" "$stage/doc/"; fi
done
mkdir "$stage/doc/docs" && cp -r docs/src "$stage/doc/docs/" # the pages that README links to

# What the binary contains (CycloneDX): an operator can look for an advisory without the source. Without build dependencies, since
# those are not in it. The path of this checkout has no place there, and the file's time is that of the commit.
cargo cyclonedx --quiet --format json --spec-version 1.5 --no-build-deps --override-filename pegel.cdx
sed "s|path+file://$(pwd -P)#|path+file:///pegel#|g" pegel.cdx.json >"$stage/doc/pegel.cdx.json"
rm pegel.cdx.json

find "$stage" -type d -exec chmod 755 {} +
find "$stage" -type f -exec chmod 644 {} +

# The last line that cargo-deb prints is the path of the package. Stripped: line information for backtraces would make it
# several times as large.
cargo deb --no-build --locked --strip "$@" | tail -n 1
