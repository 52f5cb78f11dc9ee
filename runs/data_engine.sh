#!/bin/bash
# From a hospital's export to a de-identified, labelled, tokenised, time-split archive.
#
#   runs/data_engine.sh OUT [STUDIES] [SPACING] [WORKERS]
#
# STUDIES (200) are simulated, on an anatomy of SPACING mm (1.5), by WORKERS processes (2). To use a hospital's own
# export instead, set HOSPITAL to a folder with studies/ (any layout) and reports/reports.csv.
#
# It may be ended at any point, by kill -9 too, and run again: every stage goes on where it was.
#
#   OUT/hospital   the simulated export: studies/, negatives/, reports/, truth/
#   OUT/archive    what was ingested, with identities
#   OUT/site.key   makes the pseudonyms; keep it secret, and with it a later run gives the same ones
#   OUT/clean      the archive without identities: catalogue, labels, cohort, tokens
set -euo pipefail

out=${1:?usage: runs/data_engine.sh OUT [STUDIES] [SPACING] [WORKERS]}
studies=${2:-200} spacing=${3:-1.5} workers=${4:-2}
prima=${PRIMA:-prima}
mkdir -p "$out"

# A stage ends with 0, or with 1 when it refused some inputs, which it has named. Anything else ends this script.
stage() {
  echo "== $*"
  "$prima" "$@" || (($? == 1))
}

# 1. A health system with known truth: studies as a PACS sends them, some that are no brain MRI, and reports.
if [[ -z ${HOSPITAL:-} ]]; then
  stage simulate "$out/hospital" --number "$studies" --negatives $(((studies + 11) / 12)) --spacing "$spacing" --workers "$workers"
fi
hospital=${HOSPITAL:-$out/hospital}

# 2. Each instance once, at its place, in a catalogue. --link shares the bytes with the export instead of copying.
sources=("$hospital/studies" "$hospital/reports/reports.csv")
[[ -d $hospital/negatives ]] && sources+=("$hospital/negatives")
stage ingest "${sources[@]}" "$out/archive" --link

# 3. A copy without identities. Dates move back by 1 to 30 days, the same for all of a patient's: the split by time
# below is blurred by that much and no more. An empty key is what a kill left behind before anything was made with it.
key=(--key "$out/site.key")
if [[ ! -s $out/site.key ]]; then
  rm -f "$out/site.key"
  key+=(--make-key)
fi
stage deidentify "$out/archive" "$out/clean" "${key[@]}" --keep patient --max-days 30 --workers "$workers"

# 4. Labels for the 52 diagnoses from the reports, with their evidence.
stage label "$out/clean"

# 5. The cohort: cranial MRI with a report and at least two usable series, split by time, every patient on one side.
stage curate "$out/clean" --test-from 2024-09-01 --validation 0.05

# 6. Tokens for the cohort, in shards.
stage tokenize "$out/clean" --workers "$workers" --per-shard 16

echo "done: $out/clean"
