#!/bin/sh
# Makes the records and pages of this folder from nothing, in results/runs/reproduced/faq; several hours on two cores, and a corpus to download.
# Interrupted, it goes on where it stopped. At the end it prints what differs from this folder.
set -eu
cd "$(dirname "$0")/../../.."
make .venv/.installed
out=results/runs/reproduced/faq
.venv/bin/bench suite faq --lang en,zh --out "$out"
.venv/bin/bench compare results/reference/faq "$out"
