#!/bin/bash
# Everything once, small: a synthetic health system, an archive, a model, a release, predictions for a later year.
#
#   runs/tiny.sh OUT [STUDIES] [WORKERS]
#
# STUDIES (32) to learn from, made by WORKERS processes (2). It takes a few minutes on two cores. The model learns next
# to nothing; what it shows is that every stage runs and hands over to the next. Run it again after a break: what is
# there is kept, and training goes on from its checkpoints.
#
#   OUT/hospital, healthy    the simulated exports to learn from; OUT/year the one to be measured on
#   OUT/archive              studies, reports, labels, cohort, tokens
#   OUT/run                  tokenizer, vision model, heads, with journals, recipes and checkpoints
#   OUT/release              the release: weights, contract, calibration, provenance, card
#   OUT/predictions.parquet  what the release says of the later year; OUT/evaluation what that is worth
set -euo pipefail

out=${1:?usage: runs/tiny.sh OUT [STUDIES] [WORKERS]}
studies=${2:-32} workers=${3:-2}
prima=${PRIMA:-prima}
mkdir -p "$out"

# Nothing here is refused: a stage that ends with anything but 0 ends this script.
stage() {
  echo "== $*"
  "$prima" "$@"
}

# 1. What to learn from, plain findings of two kinds and normal studies, and a later year of the two kinds.
made=(--spacing 2 --workers "$workers")
kinds=(--only tumor_adult_high_grade_glioma --only vascular_ischemic_large_vessel_stroke --subtlety 1)
stage simulate "$out/hospital" --number $((studies * 2 / 3)) --seed 10 "${kinds[@]}" "${made[@]}"
stage simulate "$out/healthy" --number $((studies - studies * 2 / 3)) --seed 11 --normal "${made[@]}"
stage simulate "$out/year" --number 3 --seed 20 --start 2025-06-01 "${kinds[@]}" "${made[@]}"

# 2. An archive: instances and reports, labels with their evidence, a cohort with every patient on one side.
archive="$out/archive"
for export in hospital healthy; do
  stage ingest "$out/$export/studies" "$out/$export/reports/reports.csv" "$archive" --link
done
stage label "$archive"
stage curate "$archive" --validation 0.3

# 3. Voxels into tokens: first the network that does it, then the tokens of the cohort.
run="$out/run"
stage train tokenizer "$archive" "$run" --recipe tiny --studies 16
stage tokenize "$archive" --release "$run/release"

# 4. Studies against their reports, then calibrated heads on frozen features.
stage train clip "$archive" "$run" --recipe tiny
stage train heads "$archive" "$run" --recipe tiny

# 5. The release, and what it says of studies from another year.
[[ -e "$out/release/release.json" ]] || stage release build "$run" --out "$out/release" --name tiny
stage predict "$out/year/studies"/* --release "$out/release" --out "$out/findings" --table "$out/predictions.parquet"
stage evaluate "$out/predictions.parquet" --truth "$out/year/truth/labels.parquet" --out "$out/evaluation" --replicates 100

echo "done: $out/release, $out/evaluation"
