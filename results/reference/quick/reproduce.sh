#!/bin/sh
# Makes the records and pages of this folder from nothing, in results/runs/reproduced/quick; 7 to 15 minutes on two cores.
# Interrupted, it goes on where it stopped. At the end it prints what differs from this folder.
set -eu
cd "$(dirname "$0")/../../.."
make .venv/.installed
out=results/runs/reproduced/quick
.venv/bin/bench suite quick --lang en,zh --out "$out"
.venv/bin/bench compare results/reference/quick "$out"
