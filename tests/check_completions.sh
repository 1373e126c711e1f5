#!/bin/sh
# The completions in completions/ are what the table of options gives: else run `make completions`.
# Where a shell is installed, it must at least be able to read its own.
set -eu
top=${TOP_SRCDIR:-${srcdir:-.}}
dump=${OPTIONS_DUMP:-src/options_dump}
status=0
for pair in bash:pfetch.bash zsh:_pfetch fish:pfetch.fish; do
    shell=${pair%%:*}
    file=$top/completions/${pair#*:}
    if ! "$dump" "$shell" | diff -u "$file" - >&2; then
        echo "$file is not current: run make completions" >&2
        status=1
    fi
    if command -v "$shell" >/dev/null && ! "$shell" -n "$file"; then
        echo "$file: $shell can't read it" >&2
        status=1
    fi
done
exit $status
