#!/usr/bin/env bash
# Tests the Debian package: built from the release binary, installed, run as its own user with only CAP_NET_RAW, removed and
# purged. All of this happens in a temporary overlay of this system and in a separate network namespace, so this system does
# not change. Needs root. If something is missing, the test says so and is skipped, or fails if CI=true.
set -euo pipefail

say() { printf 'package: %s\n' "$*"; }
die() { printf 'package: FAILED: %s\n' "$*" >&2; exit 1; }
skip() {
  [ "${CI:-}" != true ] || die "$*"
  say "skipped: $*"
  exit 0
}

outside() {
  cd "$(dirname "$0")/.."
  [ "$(id -u)" -eq 0 ] || skip "not root"
  for tool in dpkg apt-get setpriv unshare systemd-analyze curl ip; do
    command -v "$tool" >/dev/null || skip "no $tool"
  done
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT

  say "building"
  deb=$(deploy/debian/package.sh -o "$scratch/pegel.deb")
  [ -s "$deb" ] || die "no package: $deb"
  dpkg-deb --field "$deb" Package Version Depends
  depends=$(dpkg-deb --field "$deb" Depends)
  for needed in libpcap0.8 adduser; do
    case $depends in *$needed*) ;; *) die "the package does not depend on $needed" ;; esac
  done
  [ -z "$(dpkg-deb --field "$deb" Recommends)" ] || die "the package recommends something"
  contents=$(dpkg-deb --contents "$deb")
  for folder in systemd prometheus grafana runbooks; do
    if [ -d "deploy/$folder" ]; then
      case $contents in *"doc/pegel/$folder/"*) ;; *) die "deploy/$folder was left out" ;; esac
    fi
  done

  say "the list of what is in it"
  dpkg-deb --fsys-tarfile "$deb" | tar -xO ./usr/share/doc/pegel/pegel.cdx.json >"$scratch/pegel.cdx.json"
  grep -q '"bomFormat": "CycloneDX"' "$scratch/pegel.cdx.json" || die "the SBOM is not CycloneDX"
  for crate in rusqlite libsqlite3-sys rustls; do # one that Cargo.toml names, and two that others bring
    grep -q "\"name\": \"$crate\"" "$scratch/pegel.cdx.json" || die "the SBOM lacks $crate"
  done
  ! grep -q '"name": "criterion"' "$scratch/pegel.cdx.json" || die "the SBOM has what only benchmarks use"
  ! grep -qF "$(pwd -P)" "$scratch/pegel.cdx.json" || die "the SBOM names the directory of the build"

  cp "$0" "$scratch/package.sh"
  mkdir "$scratch/system"
  unshare --mount --net --propagation private bash -c '
    set -e
    cd "$1/system"
    mount -t tmpfs tmpfs . && cd "$PWD"
    mkdir upper work root
    mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root || exit 75
    for folder in proc dev sys; do mount --rbind /$folder root/$folder; done
    mount -t tmpfs tmpfs root/run
    mount -t tmpfs tmpfs root/tmp
    cp ../pegel.deb ../package.sh root/tmp/
    ip link set lo up
    exec chroot root /tmp/package.sh --inside
  ' - "$scratch" || {
    status=$?
    [ "$status" -ne 75 ] || skip "an overlay of / cannot be mounted here"
    exit "$status"
  }

  say "sizes"
  binary=${CARGO_TARGET_DIR:-target}/release/pegel
  cp "$binary" "$scratch/stripped" && strip --strip-unneeded "$scratch/stripped"
  mib() { awk -v bytes="$1" 'BEGIN { printf "%.1f MiB", bytes / 1048576 }'; }
  printf '  package %s, installed %s KiB; binary %s, stripped %s\n' "$(mib "$(stat -c %s "$deb")")" \
    "$(dpkg-deb --field "$deb" Installed-Size)" "$(mib "$(stat -c %s "$binary")")" "$(mib "$(stat -c %s "$scratch/stripped")")"
}

# Runs in the overlay, and may change anything there.
inside() {
  export DEBIAN_FRONTEND=noninteractive
  cd /tmp
  deb=/tmp/pegel.deb
  scratch=$(mktemp -d)
  chmod 755 "$scratch"
  # Remove traces of an installation without a package.
  userdel pegel 2>/dev/null || true
  rm -rf /etc/pegel /var/lib/pegel

  say "installing"
  dpkg --install "$deb"
  id pegel
  [ "$(getent passwd pegel | cut -d: -f6,7)" = /var/lib/pegel:/usr/sbin/nologin ] || die "home or shell of the user"
  expect() { # expect FILE MODE OWNER:GROUP
    local is
    is=$(stat -c '%a %U:%G' "$1")
    [ "$is" = "$2 $3" ] || die "$1 is $is, not $2 $3"
  }
  expect /etc/pegel 750 root:pegel
  expect /etc/pegel/pegel.toml 640 root:pegel
  expect /var/lib/pegel 750 pegel:pegel
  expect /usr/bin/pegel 755 root:root
  if command -v getcap >/dev/null; then
    [ -z "$(getcap /usr/bin/pegel)" ] || die "the binary has file capabilities"
  else
    say "file capabilities not checked: no getcap"
  fi
  find /usr/bin/pegel -perm /6000 | grep . && die "the binary is setuid or setgid"
  for file in /usr/share/bash-completion/completions/pegel /usr/share/zsh/vendor-completions/_pegel \
    /usr/share/fish/vendor_completions.d/pegel.fish /usr/share/doc/pegel/README.md /usr/share/doc/pegel/copyright \
    /usr/share/doc/pegel/proxmox.md /usr/share/doc/pegel/systemd/proxmox.conf; do
    [ -s "$file" ] || die "$file is missing"
  done
  dpkg --listfiles pegel | xargs -d '\n' stat -c '%A %n' 2>/dev/null | grep -E '^[^l].{7}w' && die "writable for all"

  pegel --version
  pegel check-config /etc/pegel/pegel.toml

  say "the unit"
  unit=/usr/lib/systemd/system/pegel.service
  verify() { # verify UNIT-DIRECTORY: fails on any warning
    local output
    output=$(SYSTEMD_UNIT_PATH=$1: systemd-analyze verify "$1/pegel.service" 2>&1) || die "systemd-analyze verify: $output"
    [ -z "$output" ] || die "systemd-analyze verify: $output"
  }
  mkdir -p "$scratch/plain"
  cp "$unit" "$scratch/plain/"
  verify "$scratch/plain"
  for drop_in in /usr/share/doc/pegel/systemd/*.conf; do
    units=$scratch/$(basename "$drop_in" .conf)
    mkdir -p "$units/pegel.service.d"
    cp "$unit" "$units/" && cp "$drop_in" "$units/pegel.service.d/"
    verify "$units"
  done
  systemd-analyze security --offline=true "$scratch/plain/pegel.service" | tail -n 1
  systemd-analyze security --offline=true --threshold=20 "$scratch/plain/pegel.service" >/dev/null || die "its exposure level is above 2.0"
  grep -Eq '^(Before|Wants|Requires)=' "$unit" && die "other units wait for Pegel, or it pulls them in"

  say "the AppArmor profile"
  profile=/etc/apparmor.d/usr.bin.pegel
  expect "$profile" 644 root:root
  if command -v apparmor_parser >/dev/null; then
    # Compiled only: not loaded, and not cached.
    apparmor_parser --skip-kernel-load --skip-cache "$profile" || die "the AppArmor profile is not valid"
  elif [ "${CI:-}" = true ]; then
    die "no apparmor_parser"
  else
    say "the profile was not compiled: no apparmor_parser"
  fi
  named=$(sed -n 's/^AppArmorProfile=-//p' "$unit")
  grep -q "^profile $named flags=" "$profile" || die "the unit names the profile '$named', which $profile does not define"

  say "running as the user pegel with only CAP_NET_RAW, until it is ready"
  cat >"$scratch/inside" <<'INSIDE'
set -euo pipefail
setpriv --reuid pegel --regid pegel --clear-groups --no-new-privs --bounding-set=-all,+net_raw --inh-caps=-all,+net_raw \
  --ambient-caps=-all,+net_raw /usr/bin/pegel run --config /etc/pegel/pegel.toml -i lo 2>"$1/log" &
pegel=$!
for _ in $(seq 600); do
  answer=$(curl -s http://127.0.0.1:7343/readyz || true)
  [ "$answer" != ready ] || break
  kill -0 "$pegel" 2>/dev/null || break
  sleep 0.1
done
grep -E '^Cap(Prm|Eff|Bnd|Amb)' "/proc/$pegel/status" || true
kill -TERM "$pegel" 2>/dev/null || true
status=0
wait "$pegel" || status=$?
cat "$1/log"
echo "answered '$answer', exit code $status"
[ "$answer" = ready ] && [ "$status" -eq 0 ]
INSIDE
  bash "$scratch/inside" "$scratch" || die "it did not run"
  [ -z "$(find /var/lib/pegel ! -user pegel)" ] || die "state that the user does not own"

  say "an upgrade keeps the operator's changes, and modes"
  echo '# ours' >>/etc/pegel/pegel.toml
  chmod 0600 /etc/pegel/pegel.toml && chown pegel:pegel /etc/pegel/pegel.toml
  dpkg --install "$deb" >/dev/null
  tail -n 1 /etc/pegel/pegel.toml | grep -qx '# ours' || die "the upgrade lost the operator's line"
  expect /etc/pegel/pegel.toml 600 pegel:pegel

  say "removing keeps the configuration and the state"
  apt-get remove -y -q pegel >/dev/null
  [ ! -e /usr/bin/pegel ] || die "the binary is still there"
  grep -qx '# ours' /etc/pegel/pegel.toml || die "the configuration is gone"
  [ -d /var/lib/pegel ] || die "the state is gone"

  say "purging leaves nothing"
  mkdir -p /etc/apparmor.d/local && echo '# ours' >/etc/apparmor.d/local/usr.bin.pegel
  apt-get purge -y -q pegel >/dev/null
  for path in /etc/apparmor.d/usr.bin.pegel /etc/apparmor.d/local/usr.bin.pegel /etc/pegel /var/lib/pegel \
    /usr/share/doc/pegel "$unit" /etc/systemd/system/pegel.service \
    /etc/systemd/system/multi-user.target.wants/pegel.service /var/lib/systemd/deb-systemd-helper-enabled/pegel.service.dsh-also; do
    [ ! -e "$path" ] && [ ! -L "$path" ] || die "$path is left"
  done
  ! getent passwd pegel || die "the user is left"
  ! getent group pegel || die "the group is left"
}

case ${1:-} in
  --inside) inside ;;
  *) outside ;;
esac
