#!/usr/bin/env bash
# Builds the Debian package from a release binary that is there already, and prints where it lies.
#
# Completions are printed by the binary itself; documents are those that this checkout has.
set -euo pipefail
cd "$(dirname "$0")/../.."

binary=${CARGO_TARGET_DIR:-target}/release/pegel
[ -x "$binary" ] || { echo "package: no $binary; build it first (make build)" >&2; exit 1; }

stage=target/package # as the assets in Cargo.toml have it
rm -rf "$stage"
mkdir -p "$stage/completions" "$stage/doc"
"$binary" completions bash >"$stage/completions/pegel.bash"
"$binary" completions zsh >"$stage/completions/_pegel"
"$binary" completions fish >"$stage/completions/pegel.fish"

cp README.md CHANGELOG.md LICENSE-MIT deploy/proxmox.md deploy/libvirt-table.sh "$stage/doc/"
for folder in systemd prometheus grafana runbooks; do
  if [ -d "deploy/$folder" ]; then cp -r "deploy/$folder" "$stage/doc/"; fi
done
find "$stage" -type d -exec chmod 755 {} +
find "$stage" -type f -exec chmod 644 {} +

# Of what cargo-deb prints, the last line is the package.
# What the profile keeps for backtraces (lines of the source) would make the package several times as large.
cargo deb --no-build --locked --strip "$@" | tail -n 1
