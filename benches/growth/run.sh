#!/usr/bin/env bash
# Growth and memory, one after the other, with the build of this checkout: see README.md here. About six minutes.
#   benches/growth/run.sh [--pegel PATH --generate PATH]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

"$here/growth.py" "$@"
# A goal that is not kept is a result, not a failure of the measurement.
"$here/../memory.py" "$@" || echo "run.sh: a goal of memory.py is not kept, see memory.md" >&2
