#!/usr/bin/env bash
# Measures growth, then memory, with the build of this checkout: see README.md in this folder. Takes about eight minutes.
#   benches/growth/run.sh [--pegel PATH --generate PATH]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

"$here/growth.py" "$@"
# A missed goal is a result, not a failure of the measurement.
"$here/../memory.py" "$@" || echo "run.sh: a goal of memory.py is not kept, see memory.md" >&2
