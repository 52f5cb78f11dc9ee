#!/bin/bash
# The demo release from nothing, on one machine: simulate, tokenizer, tokens, studies against reports, heads, release,
# evaluation on a prospective year. In pieces, so that neither memory nor disk grows with the number of studies.
#
#   runs/demo/train.sh OUT [STUDIES] [TEST_STUDIES] [WORKERS] [RECIPE]
#
# It may be ended at any moment, by kill -9 too, and run again: every stage goes on where it was. On a machine that is
# lent for half an hour, set MINUTES (default: no limit): what is left for the next time then is OUT/keep alone
# (weights, journals, metrics; under 60 MB) and, if the disk stays, everything else.
#
#   OUT/patches   voxels of the studies at hand, PIECE at a time; those of the tokenizer stay until it is trained
#   OUT/tokens    train, validation and test
#   OUT/run       what the stages leave;   OUT/release, OUT/evaluation   the result
set -euo pipefail
cd "$(dirname "$0")/../.."

out=${1:?usage: runs/demo/train.sh OUT [STUDIES] [TEST_STUDIES] [WORKERS] [RECIPE]}
studies=${2:-6000} test_studies=${3:-2000} workers=${4:-$(nproc)} recipe=${5:-demo}
for_tokenizer=${FOR_TOKENIZER:-1500} piece=${PIECE:-500} validation=${VALIDATION:-600}
labels=truth
[[ $recipe == demo ]] || labels=reports
python=${PYTHON:-.venv/bin/python} prima=${PRIMA:-.venv/bin/prima}
ends=$((SECONDS + 60 * ${MINUTES:-1000000}))
mkdir -p "$out/keep"

# What a next machine needs is copied at every end, also at an early one.
keep() {
  for place in run release evaluation; do
    [[ -d $out/$place ]] || continue
    cp -r "$out/$place" "$out/keep/"
  done
  find "$out/keep" -type d \( -name checkpoints -o -name features \) -prune -exec rm -rf {} +
}
trap keep EXIT

left() { echo $(((ends - SECONDS) / 60)); }

time_is_over() {
  echo "time is over; run the same line again to go on"
  exit 0
}

in_time() { (($(left) > 0)) || time_is_over; }

# Tokens of a part, a piece at a time; the patches of a finished piece make room for the next.
tokens() {
  local part=$1 last=$2 known=$3 copies=0
  [[ $part != train ]] || copies=1  # each also mirrored and with another contrast
  for ((first = 0; first < last; first += piece)); do
    in_time
    local end=$((first + piece < last ? first + piece : last)) done="$out/tokens/$part/.$first.done"
    [[ -e $done ]] && continue
    "$python" runs/demo/make_patches.py "$out/patches" --part "$part" --first "$first" --last "$end" --workers "$workers"
    "$python" runs/demo/make_tokens.py "$out/patches" "$out/run" "$out/tokens" --part "$part" --labels "$known" \
      --first "$first" --last "$end" --copies "$copies"
    touch "$done"
    for ((number = first; number < end; number++)); do rm -f "$out/patches/$part/$(printf %05d "$number").npz"; done
  done
}

# 1. The tokenizer, on the first studies and some of other patients.
if [[ ! -e $out/run/tokenizer/weights.safetensors ]]; then
  first_studies=$((for_tokenizer < studies ? for_tokenizer : studies))
  "$python" runs/demo/make_patches.py "$out/patches" --part train --last "$first_studies" --workers "$workers"
  "$python" runs/demo/make_patches.py "$out/patches" --part validation --last 100 --workers "$workers"
  in_time
  "$prima" train tokenizer "$out/patches" "$out/run" --recipe "$recipe" --minutes "$(left)"
  [[ -e $out/run/tokenizer/weights.safetensors ]] || time_is_over
fi

# 2. Tokens. A study of the test year is known by its truth, whatever the model may learn from.
tokens train "$studies" $labels
tokens validation "$validation" $labels
tokens test "$test_studies" truth

# 3. Studies against reports; heads with their calibration on validation patients.
in_time
"$prima" train clip "$out/tokens" "$out/run" --recipe "$recipe" --minutes "$(left)"
[[ -e $out/run/clip/weights.safetensors ]] || time_is_over
"$prima" train heads "$out/tokens" "$out/run" --recipe "$recipe"

# 4. The release, and what it is worth on the year it has not seen.
rm -rf "$out/release"
"$prima" release build "$out/run" --out "$out/release" --name "openprima-$recipe"
"$python" runs/demo/predict_tokens.py "$out/release" "$out/tokens/test" "$out/evaluation"
"$prima" evaluate "$out/evaluation/predictions.parquet" --truth "$out/evaluation/truth.parquet" \
  --lesions "$out/evaluation/lesions.parquet" --by after_drift --out "$out/evaluation"
rm -rf "$out/release"
"$prima" release build "$out/run" --out "$out/release" --name "openprima-$recipe" --evaluation "$out/evaluation/evaluation.json"
echo "done: $out/release, measured in $out/evaluation"
