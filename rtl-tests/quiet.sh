#!/bin/sh
# Runs a command and fails if it prints anything: iverilog exits 0 with warnings.
output=$("$@" 2>&1)
status=$?
if [ -n "$output" ]; then
    echo "$output"
    [ "$status" -ne 0 ] || status=1
fi
exit "$status"
