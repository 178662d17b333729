#!/bin/sh
# Makes the records and pages of this folder from nothing, in results/runs/reproduced/long_range; two or three hours on two cores.
# Interrupted, it goes on where it stopped. At the end it prints what differs from this folder.
set -eu
cd "$(dirname "$0")/../../.."
make .venv/.installed
out=results/runs/reproduced/long_range
.venv/bin/bench suite long_range --lang en,zh --out "$out"
.venv/bin/bench compare results/reference/long_range "$out"
