#!/bin/sh
# Makes the records and pages of this folder from nothing, in results/runs/reproduced/multi30k_cpu; three to seven hours on two cores, and a corpus to download.
# Interrupted, it goes on where it stopped. At the end it prints what differs from this folder.
set -eu
cd "$(dirname "$0")/../../.."
make .venv/.installed
out=results/runs/reproduced/multi30k_cpu
.venv/bin/bench suite multi30k_cpu --lang en,zh --out "$out"
.venv/bin/bench compare results/reference/multi30k_cpu "$out"
