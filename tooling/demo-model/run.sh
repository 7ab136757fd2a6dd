#!/usr/bin/env bash
# Drives the training on a GPU machine in calls of limited length. Usage: run.sh start MINUTES | wait SECONDS OUT
# `start` prepares the data, makes a one-minute trial that must pass, and leaves the real training running.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
data=${DATA:-$here/../../build/demo-model}
work=${WORK:-/tmp/demo-model}
export PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
case $1 in
  start)
    mkdir -p "$work" && cp -n "$data"/* "$work"/
    python3 "$here/train.py" "$work" "$work/trial" --minutes 0.8 --samples 4
    python3 "$here/export.py" "$work/trial/model"
    setsid nohup python3 "$here/train.py" "$work" "$work/out" --minutes "$2" >"$work/train.log" 2>&1 &
    ;;
  wait)
    end=$((SECONDS + $2))
    while [ $SECONDS -lt $end ] && [ ! -e "$work/out/done" ] && pgrep -f train.py >/dev/null; do sleep 2; done
    tail -n 12 "$work/train.log" | cut -c1-420
    cp "$work"/out/log.jsonl "$work"/out/evaluation.json "$3"/ 2>/dev/null || true
    cp "$work"/out/model/*.json "$3"/ 2>/dev/null || true
    split -b 12M -d "$work/out/model/model.safetensors" "$3/model.safetensors." 2>/dev/null || true
    rm -f "$3/generation_config.json"
    ;;
esac
