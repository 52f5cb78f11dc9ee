#!/bin/bash
# The demo release from nothing, on one machine: simulate, tokenizer, tokens, studies against reports, heads, release,
# evaluation on a prospective year. Studies are made one by one, so that memory does not grow with their number.
#
#   runs/demo/train.sh OUT [STUDIES] [TEST_STUDIES] [WORKERS] [RECIPE]
#
# It may be ended at any moment, by kill -9 too, and run again: every stage goes on where it was. On a machine that is
# lent for half an hour, set MINUTES (default: no limit): what is left for the next time then is OUT/keep alone
# (weights, journals, metrics; under 60 MB) and, if the disk stays, everything else.
#
# ANATOMIES=DIR, a folder of label maps of heads, trains and validates on version 2 of the simulator
# (docs/reference/health-system.md); the test stays version 1, and a second one, OUT/tokens2/test, is of version 2.
#
#   OUT/patches   voxels of the tokenizer's studies, until it is trained
#   OUT/tokens    train, validation and test
#   OUT/run       what the stages leave;   OUT/release, OUT/evaluation   the result
set -euo pipefail
cd "$(dirname "$0")/../.."

out=${1:?usage: runs/demo/train.sh OUT [STUDIES] [TEST_STUDIES] [WORKERS] [RECIPE]}
studies=${2:-6000} test_studies=${3:-2000} workers=${4:-$(nproc)} recipe=${5:-demo}
for_tokenizer=${FOR_TOKENIZER:-1500} validation=${VALIDATION:-$((studies < 60 ? 6 : studies / 10))}
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

step() { "$python" runs/demo/steps.py "$@" --recipe "$recipe" --workers "$workers"; }

second=()
[[ -z ${ANATOMIES:-} ]] || second=(--simulator 2 --anatomies "$ANATOMIES")

tokens() {
  in_time
  step tokens "$out/run/release" "$1" "$2" --studies "$3" --minutes "$(left)" "${@:4}"
}

# 1. The tokenizer, on the first studies and some of other patients.
if [[ ! -e $out/run/tokenizer/weights.safetensors ]]; then
  in_time
  step patches "$out/patches" train --studies $((for_tokenizer < studies ? for_tokenizer : studies)) "${second[@]}"
  step patches "$out/patches" validation --studies $((validation < 100 ? validation : 100)) "${second[@]}"
  in_time
  "$prima" train tokenizer "$out/patches" "$out/run" --recipe "$recipe" --minutes "$(left)"
  [[ -e $out/run/tokenizer/weights.safetensors ]] || time_is_over
fi
rm -rf "$out/patches"

# 2. Tokens.
tokens "$out/tokens" train "$studies" "${second[@]}"
tokens "$out/tokens" validation "$validation" "${second[@]}"
tokens "$out/tokens" test "$test_studies"
[[ ${#second[@]} = 0 ]] || tokens "$out/tokens2" test "$test_studies" "${second[@]}"

# 3. Studies against reports; heads with their calibration on validation patients.
in_time
"$prima" train clip "$out/tokens" "$out/run" --recipe "$recipe" --minutes "$(left)"
[[ -e $out/run/clip/weights.safetensors ]] || time_is_over
"$prima" train heads "$out/tokens" "$out/run" --recipe "$recipe"

# 4. The release, and what it is worth on the year it has not seen.
rm -rf "$out/release"
"$prima" release build "$out/run" --out "$out/release" --name "openprima-$recipe"
"$python" runs/demo/steps.py predictions "$out/release" "$out/tokens/test" "$out/evaluation"
"$python" runs/demo/steps.py zero-shot "$out/run" "$out/tokens/test" "$out/evaluation/zero_shot.json"
"$prima" evaluate "$out/evaluation/predictions.parquet" --truth "$out/evaluation/truth.parquet" \
  --lesions "$out/evaluation/lesions.parquet" --by after_drift --out "$out/evaluation"
rm -rf "$out/release"
"$prima" release build "$out/run" --out "$out/release" --name "openprima-$recipe" --evaluation "$out/evaluation/evaluation.json"

# 5. Studies unlike those it has seen are not answered: known from train, limits of validation, measured on test. A run of
# fewer studies than that needs has no check, and says so.
if ((studies >= 50 && validation >= 50)); then
  rm -rf "$out/familiar"
  "$python" runs/demo/steps.py familiarity "$out/release" "$out/tokens" "$out/familiar"
  rm -rf "$out/release"
  mv "$out/familiar" "$out/release"
else
  echo "no check for unfamiliar studies: it needs 50 training and 50 validation studies"
fi
echo "done: $out/release, measured in $out/evaluation"
