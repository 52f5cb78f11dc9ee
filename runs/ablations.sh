#!/bin/bash
# What each part of the recipe is worth, and what more studies are worth: the clip stage again on the same tokens, one
# change at a time, with heads fitted and measured in the same way each time.
#
#   runs/ablations.sh TOKENS RUN OUT [EPOCHS] [RECIPE …]
#
# TOKENS has train/, validation/ and test/ of `runs/demo/steps.py tokens`; RUN is where their tokenizer was trained. Every
# variant learns for EPOCHS (4) of the first phase, without the second. A RECIPE is the name of one, or NAME@N for its
# first N studies: demo@500 (of tokens without copies). Without one: sentence dropout, patient discrimination, series
# names, SigLIP, and a curve of four sizes. What is done is kept; scripts side by side need variants of their own.
set -euo pipefail
cd "$(dirname "$0")/.."
tokens=${1:?usage: runs/ablations.sh TOKENS RUN OUT [EPOCHS] [RECIPE …]} run=$2 out=$3 epochs=${4:-4}
shift $(($# > 4 ? 4 : $#))
python=${PYTHON:-.venv/bin/python} prima=${PRIMA:-.venv/bin/prima}
per_part=25
(($#)) || set -- demo_reports no_sentence_dropout no_discrimination image_only siglip demo_reports@{250,500,1000,2000}

for variant; do
  recipe=${variant%@*} own="$out/$variant"
  [[ -e $own/zero_shot.json ]] && continue
  mkdir -p "$own/tokens/train"
  cp -r "$run/tokenizer" "$run"/*.json "$own/"
  [[ -e $own/release ]] || cp -r "$run/release" "$own/release"
  parts=("$tokens"/train/*.tokens)
  if [[ $variant == *@* ]]; then
    parts=("${parts[@]:0:$((${variant#*@} / per_part))}")
  fi
  for part in "${parts[@]}"; do
    for file in "${part%.tokens}".*; do ln -sf "$(realpath "$file")" "$own/tokens/train/"; done
  done
  ln -sfn "$(realpath "$tokens/validation")" "$own/tokens/validation"
  "$prima" train clip "$own/tokens" "$own" --recipe "$recipe" --epochs "$epochs" --one-phase
  "$prima" train heads "$own/tokens" "$own" --recipe "$recipe"
  "$prima" release build "$own" --out "$own/built" --name "openprima-$recipe"
  "$python" runs/demo/steps.py predictions "$own/built" "$tokens/test" "$own/evaluation"
  "$prima" evaluate "$own/evaluation/predictions.parquet" --truth "$own/evaluation/truth.parquet" \
    --lesions "$own/evaluation/lesions.parquet" --by after_drift --out "$own/evaluation"
  "$python" runs/demo/steps.py zero-shot "$own" "$tokens/test" "$own/zero_shot.json"
done
"$python" - "$out" <<'TABLE'
"""One row a variant: mean AUROC with its interval, zero-shot AUROC, retrieval."""
import json, sys
from pathlib import Path

print("| variant | mean AUROC | zero-shot | retrieval@1 / @5 |\n|---|---|---|---|")
for shot in sorted(Path(sys.argv[1]).glob("*/zero_shot.json")):
    measured = json.loads(shot.read_text())
    found = measured["reports"]["at"]
    evaluation = json.loads((shot.parent / "evaluation" / "evaluation.json").read_text())
    print("|", shot.parent.name, "|", json.dumps(evaluation["means"]["auroc"]), "|",
          f"{measured['zero_shot']['mean_auroc']:.3f} | {found['1']:.2f} / {found['5']:.2f} |")
TABLE
