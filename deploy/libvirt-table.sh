#!/bin/sh
# Prints the guests of libvirt and their MAC addresses as a table for Pegel ([inventory] tables). Run as root, from a timer or
# from libvirt's own hook /etc/libvirt/hooks/qemu, which is called when a guest starts or stops:
#   libvirt-table.sh > /etc/pegel/libvirt.new && mv /etc/pegel/libvirt.new /etc/pegel/libvirt.toml
# It asks through virsh: the files in /etc/libvirt/qemu are for root alone, and Pegel does not run as root.
set -eu

# Where virsh fails, so does this, and what was there before stays.
names=$(virsh list --all --name)
printf '%s\n' "$names" | while read -r name; do
  case $name in
    '') continue ;;
    *[\"\\]*) echo "$name: a name with quotes is left out" >&2; continue ;;
  esac
  # Columns of domiflist: interface, type, source, model, MAC.
  cards=$(virsh domiflist "$name" </dev/null) || exit 1
  printf '%s\n' "$cards" | awk -v name="$name" '
    $5 ~ /^([0-9a-f][0-9a-f]:)+[0-9a-f][0-9a-f]$/ { macs = macs separator "\"" $5 "\""; separator = ", " }
    END { if (macs) printf "[[guest]]\nname = \"%s\"\nmacs = [%s]\n", name, macs }'
done
